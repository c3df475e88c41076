"""What is told of compiled candidates."""

import pytest

from autoprec_probe import Candidate
from autoprec_runner.study import Constraints
from autoprec_runner.trial import Trial
from autoprec_service.policy import recommend
from autoprec_service.policy.risk import is_reference, numeric_risk
from autoprec_service.testing import make_trial


def compiled(precision: str, **fields: object) -> Trial:
    trial = make_trial(precision, compile_seconds=30.0, **fields)  # type: ignore[arg-type]
    candidate = trial.candidate.model_copy(update={"compile": True})
    return trial.model_copy(update={"candidate": candidate, "id": f"{candidate} {trial.phase}"})


REFERENCE = make_trial(seconds=1.0)
PLAIN = make_trial("bf16-mixed", seconds=0.5)


def test_the_step_from_which_on_it_pays_is_a_reason() -> None:
    answer = recommend(
        [REFERENCE, PLAIN, compiled("bf16-mixed", seconds=0.375)], objective="throughput", constraints=Constraints()
    )
    assert "bf16-mixed (compiled)" == str(answer.candidate)
    assert "Compiling took 30.0 s, which pays after 240 steps beside bf16-mixed." in answer.reasons


@pytest.mark.parametrize(
    ("others", "seconds", "words"),
    [
        ([PLAIN], 0.7, "compiling took 30.0 s and makes no step faster than bf16-mixed."),
        ([make_trial("bf16-true", seconds=0.3)], 0.7, "compiling took 30.0 s."),
    ],
)
def test_an_alternative_says_what_compiling_took(others: list[Trial], seconds: float, words: str) -> None:
    trials = [REFERENCE, *others, compiled("bf16-mixed", seconds=seconds)]
    answer = recommend(trials, objective="throughput", constraints=Constraints())
    notes = {str(each.candidate): each.note for each in answer.alternatives}
    assert notes["bf16-mixed (compiled)"].endswith(words)


def test_within_the_noise_the_one_that_is_not_compiled_wins() -> None:
    trials = [REFERENCE, PLAIN, compiled("bf16-mixed", seconds=0.5)]
    answer = recommend(trials, objective="throughput", constraints=Constraints())
    assert "bf16-mixed" == str(answer.candidate)


def test_a_compiled_candidate_is_riskier_than_itself_and_safer_than_the_next() -> None:
    plain, same, other = (
        Candidate(precision="32-true"),
        Candidate(precision="32-true", compile=True),
        Candidate(precision="32-true", matmul_precision="high"),
    )
    assert numeric_risk(plain) < numeric_risk(same) < numeric_risk(other)
    assert [True, False, False] == [is_reference(each) for each in (plain, same, other)]
