from collections.abc import Callable

import pytest

from autoprec_probe import Candidate
from autoprec_runner.search.conduct import Outcome
from autoprec_runner.search.diagnose import suspects
from autoprec_runner.search.keep import culprits
from autoprec_runner.trials.evidence import Activations, Evidence
from autoprec_service.policy import recommend
from autoprec_service.recommendation import Recommendation

Ask = Callable[..., Outcome]
HOT = "middle.1"


def answer(outcome: Outcome) -> Recommendation:
    return recommend(outcome.trials, objective=outcome.study.objective, constraints=outcome.study.constraints)


@pytest.mark.parametrize("factory", ["overflows_in_one_module", "overflows_in_one_module_in_inference"])
def test_a_candidate_that_overflows_in_one_module_wins_with_that_module_in_fp32(ask: Ask, factory: str) -> None:
    outcome = ask(factory, "16-mixed", budget=10.0)
    kept = Candidate(precision="16-mixed", keep_fp32=(HOT,))
    chosen = answer(outcome)
    assert kept == chosen.candidate
    assert (HOT,) == chosen.keep_fp32
    assert "16-mixed" == chosen.precision
    assert ["unstable"] == [
        each.status for each in chosen.rejected if each.candidate == Candidate(precision="16-mixed")
    ]
    trial = next(each for each in outcome.trials if (kept, "verify") == (each.candidate, each.phase))
    assert trial.effective_dtypes
    assert f"Kept in float32: {HOT}." == trial.effective_dtypes.note


def test_a_true_half_precision_cannot_hold_what_overflows_between_modules(ask: Ask) -> None:
    outcome = ask("overflows_in_one_module", "16-true", budget=10.0)
    assert "32-true" == answer(outcome).precision
    assert [(), (HOT,)] == list(
        dict.fromkeys(each.candidate.keep_fp32 for each in outcome.trials if "16-true" == each.candidate.precision),
    )


def test_what_was_derived_before_an_interruption_is_tried_again_after_it(ask: Ask) -> None:
    first = ask("overflows_in_one_module", "16-mixed", budget=10.0)
    again = ask("overflows_in_one_module", "16-mixed", budget=10.0)
    assert again.remembered
    assert answer(first).keep_fp32 == answer(again).keep_fp32


@pytest.mark.parametrize("factory", ["needs_fp32_in_one_module", "needs_fp32_in_one_module_in_inference"])
def test_a_candidate_that_loses_precision_in_one_module_wins_with_that_module_in_fp32(ask: Ask, factory: str) -> None:
    outcome = ask(factory, "bf16-mixed", budget=12.0)
    chosen = answer(outcome)
    assert Candidate(precision="bf16-mixed", keep_fp32=("waves",)) == chosen.candidate
    assert ["unstable"] == [each.status for each in chosen.rejected]


@pytest.mark.parametrize(
    ("departures", "expected"),
    [
        ({"a": (0.001, 0.003), "b": (0.003, 0.5), "c": (0.5, 0.6)}, ("b",)),
        ({"a": (0.0, 0.9), "b": (0.9, 0.9)}, ("a",)),
        ({"a": (0.002, 0.1), "b": (0.002, 0.9)}, ("b", "a")),
        ({"a": (0.0, 0.019)}, ()),
        ({"a": (0.1, 0.5)}, ()),
        ({}, ()),
    ],
)
def test_suspects_make_errors_much_larger(
    departures: dict[str, tuple[float, float]],
    expected: tuple[str, ...],
) -> None:
    assert expected == suspects(departures)


def evidence(*nonfinite: str, **largest: float) -> Evidence:
    named = {name.replace("_", "."): value for name, value in largest.items()}
    return Evidence(activations=Activations(nonfinite=nonfinite, largest=named))


@pytest.mark.parametrize(
    ("bad", "reference", "expected"),
    [
        (("a.b", "a", "c", ""), {}, ("a.b",)),
        (("a.b", "c", "a"), {"a_b": 7e4, "c": 3.0}, ("a.b",)),
        (("a.b", "c", "a"), {"a_b": 7e4, "c": 9e9, "a": 9e9}, ("a.b", "c")),
        (("a.b", "c", "a"), {"a_b": 1.0}, ("a.b",)),
        ((), {"a": 9e9}, ()),
    ],
)
def test_culprits_are_the_innermost_modules_that_overflow_by_themselves(
    bad: tuple[str, ...],
    reference: dict[str, float],
    expected: tuple[str, ...],
) -> None:
    assert expected == culprits(evidence(*bad), evidence(**reference))


def test_without_a_reference_the_first_module_is_the_culprit() -> None:
    assert ("x",) == culprits(evidence("x", "y"), None)
