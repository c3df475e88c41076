"""Which study of somebody else answers a question as one of our own would."""

from typing import Any

import pytest

from autoprec_probe import Candidate
from autoprec_probe.profile import Cpu, HardwareProfile, Software
from autoprec_runner.search.elsewhere import Known, answers
from autoprec_runner.search.question import MEASUREMENT_VERSION, Question
from autoprec_runner.study import Constraints, Study
from autoprec_runner.trial import Trial
from autoprec_runner.trials.session import Prepared
from autoprec_service.testing.factories import make_study, make_trial

PROFILE = HardwareProfile(
    system="Linux", cpu=Cpu(architecture="x86_64"), software=Software(python="3.11", packages={"torch": "2.9.0"})
)
QUESTION = Question(source="", profile=PROFILE, device="cpu", budget_seconds=60.0)
CANDIDATES = (Candidate(precision="32-true"), Candidate(precision="bf16-mixed"))
CONDITIONS = {"measurement_version": MEASUREMENT_VERSION, "torch_threads": 2}


def study(**overrides: Any) -> Study:
    return make_study(status="complete", hardware_key=PROFILE.key_for("cpu"), **overrides)


def trial(**overrides: Any) -> Trial:
    fields: dict[str, Any] = {"conditions": CONDITIONS, "software": {"torch": "2.9.0"}}
    return make_trial(**(fields | overrides))


def prepared(**overrides: Any) -> Prepared:
    fields = {
        "mode": "train",
        "fingerprint": "model-a",
        "workload_key": "workload-a",
        "name": "A",
        "description": "a small model",
        "assumptions": (),
        "batch_size": 8,
        "tokens_per_batch": None,
        "parameters": 3,
        "threads": 2,
        "torch": "2.9.0",
    }
    return Prepared.model_validate(fields | overrides)


def asked(given: Study, trials: list[Trial], question: Question = QUESTION, **told: Any) -> bool:
    return answers(given, trials, question, prepared(**told), CANDIDATES)


def test_the_same_study_answers() -> None:
    assert asked(study(), [trial()])


def test_more_time_answers_too() -> None:
    assert asked(study(budget_seconds=600.0), [trial()])


@pytest.mark.parametrize(
    "overrides",
    [
        {"budget_seconds": 10.0},
        {"workload_key": "other"},
        {"mode": "inference"},
        {"objective": "memory"},
        {"constraints": Constraints(max_memory_bytes=1)},
        {"strategy": "fsdp"},
        {"candidates": CANDIDATES[:1]},
        {"candidates": (*CANDIDATES, Candidate(precision="64-true"))},
    ],
)
def test_another_question_does_not(overrides: dict[str, Any]) -> None:
    assert not asked(study(**overrides), [trial()])


def test_a_study_that_goes_on_or_was_interrupted_does_not() -> None:
    assert [False, False] == [
        asked(study().model_copy(update={"status": status}), [trial()]) for status in ("running", "interrupted")
    ]


def test_another_machine_does_not() -> None:
    assert not asked(study().model_copy(update={"hardware_key": "cpu-arm-4c"}), [trial()])


@pytest.mark.parametrize(
    "overrides",
    [
        {"software": {"torch": "2.8.0"}},
        {"software": {"torch": "2.9.0", "bitsandbytes": "0.45"}},
        {"conditions": CONDITIONS | {"torch_threads": 4}},
        {"conditions": {"torch_threads": 2}},
        {"candidate": Candidate(precision="bf16-mixed", compile=True)},
    ],
)
def test_one_that_was_measured_otherwise_does_not(overrides: dict[str, Any]) -> None:
    assert not asked(study(), [trial(), trial(id="other", **overrides)])


def test_one_without_a_measurement_does_not() -> None:
    assert not asked(study(), [])
    assert not asked(study(), [trial(phase="screen", status="timeout", seconds=None)])


def test_the_promising_come_first_and_nobody_is_left_out() -> None:
    candidates = tuple(Candidate(precision=each) for each in ("32-true", "16-mixed", "bf16-mixed", "64-true"))
    ordered = Known(promising=("64-true", "bf16-mixed", "8-true")).in_order(candidates)
    assert ["64-true", "bf16-mixed", "32-true", "16-mixed"] == [each.precision for each in ordered]
    assert candidates == Known().in_order(candidates)
