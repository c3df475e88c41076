"""The numbers beside the losses: what each is, and when it is a warning."""

from typing import Any

import pytest

from autoprec_runner.trial import Check, EffectiveDtypes
from autoprec_runner.trials.checks import checks
from autoprec_runner.trials.evidence import Activations, Evidence


def the(name: str, *, reference: Evidence | None = None, **shown: Any) -> Check | None:
    return {each.id: each for each in checks(Evidence(**shown), reference)}.get(name)


@pytest.mark.parametrize(
    ("name", "shown", "verdict", "words"),
    [
        ("gradient-direction", {"gradient_cosine": 0.99991}, "good", "a cosine of 0.99991"),
        ("gradient-direction", {"gradient_cosine": 0.5}, "warning", "0.50000"),
        ("gradient-direction", {"gradient_cosine": 0.5, "is_random": True}, "warning", "draw random numbers"),
        ("gradient-underflow", {"gradient_underflow": 0.0}, "good", "0 % of fp32's gradients were 0"),
        ("gradient-underflow", {"gradient_underflow": 0.3}, "warning", "30.0 %"),
        ("lost-updates", {"lost_updates": [0.0, 0.1]}, "good", "5.00 %"),
        ("lost-updates", {"lost_updates": [0.2]}, "warning", "20.0 %"),
        ("lost-updates", {"lost_updates": [0.51]}, "bad", "51.0 %"),
        ("skipped-steps", {"steps": 50, "skipped_steps": 1, "scales": [1.0]}, "good", "1 of 50 steps"),
        ("skipped-steps", {"steps": 50, "skipped_steps": 9, "scales": [1.0]}, "warning", "9 of 50 steps"),
        ("loss-scale", {"scales": [65536.0, 32768.0, 32768.0]}, "good", "from 65,536 to 32,768, with 32,768 as"),
        ("loss-scale", {"scales": [2.0, 0.5, 1.0]}, "warning", "0.500 as the smallest"),
        ("headroom", {"activations": Activations(tightest={"a": 9.0, "b.c": 3.0})}, "good", "`b.c` comes within 3.00"),
        ("headroom", {"activations": Activations(tightest={"a": 0.5})}, "warning", "`a`"),
        ("resume", {"resumed": True}, "good", "was the same as before"),
        ("resume", {"resume_failure": "TypeError: no"}, "warning", "No checkpoint could be saved and loaded: TypeErr"),
    ],
)
def test_a_number_is_told_with_its_verdict(name: str, shown: dict[str, Any], verdict: str, words: str) -> None:
    check = the(name, **shown)
    assert check is not None
    assert verdict == check.verdict
    assert words in check.sentence


def test_what_was_not_looked_at_is_left_out() -> None:
    assert () == checks(Evidence(), None)


def test_updates_that_the_reference_loses_too_are_no_fault_of_a_candidate() -> None:
    reference = Evidence(lost_updates=[0.95])
    check = the("lost-updates", reference=reference, lost_updates=[1.0])
    assert check is not None
    assert "good" == check.verdict
    assert pytest.approx(0.05) == check.value


def test_updates_of_copies_in_fp32_are_not_judged_by_the_half_weights() -> None:
    dtypes = EffectiveDtypes(parameters="bfloat16", compute="bfloat16", master_weights="float32")
    assert the("lost-updates", lost_updates=[1.0], effective_dtypes=dtypes) is None


@pytest.mark.parametrize(("reference", "verdict"), [(True, "warning"), (False, "good")])
def test_a_resumed_run_that_differs_is_a_warning_unless_the_reference_differs_too(
    reference: bool,  # noqa: FBT001 (a parameter of the test)
    verdict: str,
) -> None:
    check = the("resume", reference=Evidence(resumed=reference), resumed=False)
    assert check is not None
    assert verdict == check.verdict
