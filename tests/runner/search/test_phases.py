import pytest

from autoprec_probe import Candidate
from autoprec_runner.search.phases import settled
from autoprec_runner.trial import Phase, TrialStatus
from autoprec_service.testing import make_trial


@pytest.mark.parametrize(
    ("prior", "expected"),
    [
        ([], False),
        ([("sprint", "ok")], False),
        ([("sprint", "crashed")], True),
        ([("screen", "unsupported")], True),
        ([("sprint", "ok"), ("verify", "unstable")], True),
        ([("sprint", "timeout"), ("sprint", "ok")], False),
        ([("sprint", "timeout")], True),
        ([("screen", "timeout")], False),
        ([("sprint", "crashed"), ("screen", "timeout")], True),
    ],
)
def test_a_candidate_is_settled_by_its_last_trial(prior: list[tuple[Phase, TrialStatus]], expected: bool) -> None:  # noqa: FBT001
    trials = [
        make_trial("bf16-true", id=str(place), phase=phase, status=status)
        for place, (phase, status) in enumerate(prior)
    ]
    other = make_trial("16-true", id="other", status="crashed")
    assert expected == settled(Candidate(precision="bf16-true"), [other, *trials])
