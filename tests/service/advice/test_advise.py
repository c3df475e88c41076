"""Questions and answers over real stores, with what was measured of real models."""

from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy.engine import URL

from autoprec_probe.profile import Cpu, HardwareProfile, Software
from autoprec_service.advice.advise import advise
from autoprec_service.advice.adviser import Adviser
from autoprec_service.advice.answer import Advice
from autoprec_service.advice.question import Question
from autoprec_service.errors import UnknownHardwareError
from autoprec_service.store import SqlStore, Store
from autoprec_service.testing.factories import STARTED_AT, make_report, make_study, make_trial

HERE, BESIDE, FAR = "cpu-x86-avx512_bf16-2c", "cpu-x86-avx512_bf16-4c", "nvidia-tesla-t4"
NOW = datetime(2026, 1, 1, tzinfo=UTC)
STUDIED: dict[str, Any] = {"model_fingerprint": "model-a", "hardware_key": "cpu-x86-2c"}


def ask(store: Store, adviser: Adviser | None = None, **fields: Any) -> Advice:
    question = Question.model_validate(fields)
    if adviser is not None:
        return advise(store, question, NOW, adviser=adviser)
    with closing(Adviser()) as own:
        return advise(store, question, NOW, adviser=own)


@pytest.fixture
def adviser() -> Iterator[Adviser]:
    with closing(Adviser()) as opened:
        yield opened


def study(store: Store, *trials: Any, **fields: Any) -> None:
    """Save a complete study; by default one that recommends bf16-mixed."""
    made = make_study(status="complete", **fields)
    store.save_study(made)
    own = {"study_id": made.id, "hardware_key": made.hardware_key, "workload_key": made.workload_key}
    default = (make_trial("32-true"), make_trial("bf16-mixed", seconds=0.5, memory=2**29))
    store.add_trials(each.model_copy(update={**own, "id": f"{made.id} {each.id}"}) for each in (trials or default))


def profile_with(**packages: str) -> HardwareProfile:
    cpu = Cpu(architecture="x86_64", usable_cores=2)
    return HardwareProfile(system="Linux", cpu=cpu, software=Software(python="3.11", packages=dict(packages)))


def test_a_study_of_this_model_on_this_hardware_answers(store: Store) -> None:
    study(store)
    answer = ask(store, **STUDIED)
    assert ("bf16-mixed", "measured", "study-a") == (answer.precision, answer.basis, answer.study_id)
    assert answer.evidence
    assert (None, None) == (answer.run, answer.stale)


def test_the_newest_study_answers(store: Store) -> None:
    study(store)
    worse = (make_trial("32-true"), make_trial("bf16-mixed", seconds=2.0))
    study(store, *worse, id="study-b", workload_key="workload-b")
    assert ("32-true", "study-b") == ((answer := ask(store, **STUDIED)).precision, answer.study_id)
    assert "study-a" == ask(store, **STUDIED, workload_key="workload-a").study_id


def test_a_study_that_is_still_running_does_not_answer(store: Store) -> None:
    study(store)
    running = make_study(id="study-b", status="running")
    store.save_study(running)
    store.add_trials([make_trial("32-true", study_id="study-b", id="new")])
    assert "study-a" == ask(store, **STUDIED).study_id


def test_a_new_trial_counts_in_the_next_answer(store: Store, adviser: Adviser) -> None:
    study(store)
    assert "bf16-mixed" == ask(store, adviser, **STUDIED).precision
    store.add_trials([make_trial("bf16-true", seconds=0.2, id="new")])
    assert "bf16-true" == ask(store, adviser, **STUDIED).precision


def test_a_failure_in_another_study_of_the_workload_is_not_forgotten(store: Store) -> None:
    failed = make_trial("bf16-mixed", seconds=0.5, status="unstable", verdict="unstable")
    study(store, make_trial("32-true"), failed, id="study-z")
    study(store)
    answer = ask(store, **STUDIED)
    assert ("32-true", "study-a") == (answer.precision, answer.study_id)
    assert "another study of this workload, study-z" in answer.rejected[-1].reason


def test_a_study_under_other_software_is_stale_and_counts_less(store: Store) -> None:
    study(store, hardware=profile_with(torch="2.8"), hardware_key="cpu-x86-base-2c")
    fields: dict[str, Any] = {"model_fingerprint": "model-a"}
    same = ask(store, **fields, profile=profile_with(torch="2.8"))
    other = ask(store, **fields, profile=profile_with(torch="2.9"))
    assert (None, "bf16-mixed") == (same.stale, other.precision)
    assert other.stale is not None
    assert ("torch 2.8 instead of 2.9",) == other.stale.differences
    assert other.confidence < same.confidence
    assert other.run is not None


def test_the_newest_study_that_is_not_stale_is_preferred(store: Store) -> None:
    key: dict[str, Any] = {"hardware_key": "cpu-x86-base-2c"}
    study(store, hardware=profile_with(torch="2.9"), **key)
    study(store, id="study-b", hardware=profile_with(torch="2.8"), workload_key="workload-b", **key)
    answer = ask(store, model_fingerprint="model-a", profile=profile_with(torch="2.9"))
    assert ("study-a", None) == (answer.study_id, answer.stale)
    assert "study-b" == ask(store, model_fingerprint="model-a", **key).study_id


def test_what_was_judged_under_a_looser_tolerance_does_not_count(store: Store) -> None:
    study(store)
    assert "measured" == ask(store, **STUDIED, tolerance=0.1).basis
    assert ask(store, **STUDIED, tolerance=0.001).precision is None


def test_memory_is_a_constraint(store: Store) -> None:
    study(store)
    assert "bf16-mixed" == ask(store, **STUDIED, max_memory_bytes=2**29).precision
    assert ask(store, **STUDIED, max_memory_bytes=1000).precision is None


def test_the_gain_over_what_is_used_now_is_told(store: Store) -> None:
    study(store)
    answer = ask(store, **STUDIED, current={"precision": "32-true"})
    assert answer.gain_over_current is not None
    assert pytest.approx(2.0) == answer.gain_over_current.value
    assert 0.5 == answer.memory_over_current
    same = ask(store, **STUDIED, current={"precision": "bf16-mixed"}).gain_over_current
    assert same is not None
    assert 1.0 == same.value
    assert ask(store, **STUDIED, current={"precision": "64-true"}).gain_over_current is None


def test_what_is_used_now_and_failed_is_told(store: Store) -> None:
    study(store, make_trial("32-true"), make_trial("16-mixed", status="unstable", verdict="unstable"))
    answer = ask(store, **STUDIED, current={"precision": "16-mixed"})
    assert any("What you use now, 16-mixed, does not qualify" in each for each in answer.reasons)


def test_an_answer_has_arguments_for_every_framework(store: Store) -> None:
    study(store)
    found = ask(store, **STUDIED).frameworks
    assert {"precision": "bf16-mixed"} == found["fabric"].arguments
    assert {"mixed_precision": "bf16"} == found["accelerate"].arguments
    assert {"param_dtype": "bfloat16", "reduce_dtype": "float32"} == found["fsdp"].arguments


def test_a_model_of_which_nothing_is_known_gets_a_command(store: Store) -> None:
    answer = ask(store, model_fingerprint="unknown", hardware_key=HERE, objective="memory", max_memory_bytes=10**9)
    assert (None, None, 0.0) == (answer.precision, answer.basis, answer.confidence)
    assert "autoprec suggest WORKLOAD --objective memory --max-memory 1000000000 --device cpu" == answer.run
    assert any("autoprec.describe" in each for each in answer.reasons)
    assert {} == answer.frameworks


def test_a_near_model_suggests_what_was_good_for_it(recorded: Any, store_without: Callable[[str], Store]) -> None:
    description = recorded.named("MLP of 1024")
    answer = ask(store_without("MLP of 1024"), description=description, hardware_key=HERE)
    assert ("bf16-mixed", "transferred") == (answer.precision, answer.basis)
    assert ["MLP of 768", "MLP of 1536"] == [each.name for each in answer.neighbours][:2]
    assert answer.speedup is not None
    assert answer.speedup.value > 1.2
    assert answer.evidence
    assert answer.run is not None


def test_a_far_model_gets_no_answer_from_others(recorded: Any, store_without: Callable[[str], Store]) -> None:
    huge = recorded.named("residual CNN").model_copy(
        update={"cost": None, "parameters": 10**10, "layers": {"Conv2d": 900}, "model_fingerprint": "huge"}
    )
    answer = ask(store_without("residual CNN"), description=huge, hardware_key=HERE)
    assert (None, None) == (answer.precision, answer.basis)
    assert any("too few or too far away" in each or "No model near enough" in each for each in answer.reasons)


def test_what_failed_on_near_models_is_never_suggested(recorded: Any, full_store: Store, adviser: Adviser) -> None:
    failed = {
        (each.model_fingerprint, each.candidate.precision) for each in full_store.outcomes() if each.stable is False
    }
    for each in recorded.descriptions:
        answer = ask(full_store, adviser, description=each, hardware_key=BESIDE)
        assert (each.model_fingerprint, answer.precision) not in failed


def test_hardware_that_lacks_the_format_gets_another_answer(recorded: Any, full_store: Store) -> None:
    description = recorded.named("MLP of 1024")
    assert "bf16-mixed" == ask(full_store, description=description, hardware_key=BESIDE).precision
    assert "bf16-mixed" != ask(full_store, description=description, hardware_key=FAR).precision


def test_a_fingerprint_is_enough_where_the_description_is_stored(recorded: Any, full_store: Store) -> None:
    description = recorded.named("MLP of 1024")
    told = ask(full_store, description=description, hardware_key=BESIDE)
    found = ask(full_store, model_fingerprint=description.model_fingerprint, hardware_key=BESIDE)
    assert told.model_copy(update={"id": ""}) == found.model_copy(update={"id": ""})


def test_a_prediction_answers_where_nothing_near_was_measured(recorded: Any, store: Store) -> None:
    answer = ask(store, description=recorded.named("MLP of 1024"), hardware_key=HERE)
    assert "predicted" == answer.basis
    assert answer.confidence <= 0.5


def test_a_described_model_counts_as_soon_as_it_was_measured(recorded: Any, store: Store, adviser: Adviser) -> None:
    near = recorded.named("MLP of 768")
    fields = {"description": recorded.named("MLP of 1024"), "hardware_key": HERE}
    assert "predicted" == ask(store, adviser, **fields).basis
    store.save_description(near)
    own = [each for each in recorded.studies if each.model_fingerprint == near.model_fingerprint]
    store.save_studies(own)
    store.add_trials(each for each in recorded.trials if each.model_fingerprint == near.model_fingerprint)
    assert "transferred" == ask(store, adviser, **fields).basis


def test_two_advisers_give_the_same_answer(recorded: Any, full_store: Store) -> None:
    fields = {"description": recorded.named("MLP of 768"), "hardware_key": BESIDE}
    one, other = ask(full_store, **fields), ask(full_store, **fields)
    assert one.model_copy(update={"id": ""}) == other.model_copy(update={"id": ""})


def test_a_node_tells_its_hardware(store: Store) -> None:
    profile = profile_with(torch="2.9")
    store.add_reports("gpu-07", [make_report(1, profile=profile)], sent_at=STARTED_AT, received_at=STARTED_AT)
    study(store, hardware=profile, hardware_key="cpu-x86-base-2c")
    answer = ask(store, model_fingerprint="model-a", node="gpu-07")
    assert ("measured", "cpu-x86-base-2c") == (answer.basis, answer.hardware_key)


@pytest.mark.parametrize("fields", [{"node": "nobody"}, {}])
def test_hardware_that_is_not_known_is_refused(store: Store, fields: dict[str, Any]) -> None:
    with pytest.raises(UnknownHardwareError, match=r"nobody|No hardware is known here"):
        ask(store, model_fingerprint="model-a", **fields)


def test_a_question_without_hardware_is_about_all_of_it(store: Store) -> None:
    study(store, id="study-a", hardware_key="cpu-x86-avx512_bf16-2c")
    slow = (
        make_trial("32-true", seconds=4.0),
        make_trial("bf16-mixed", seconds=3.0),
        make_trial("bf16-true", seconds=1.0),
    )
    study(store, *slow, id="study-b", hardware_key="cpu-x86-avx512_bf16-8c")
    answer = ask(store, model_fingerprint="model-a")
    assert answer.fleet is not None
    assert {"cpu-x86-avx512_bf16-2c": "bf16-mixed", "cpu-x86-avx512_bf16-8c": "bf16-true"} == {
        each.hardware_key: each.precision for each in answer.fleet.by_hardware
    }
    assert "bf16-mixed" == answer.fleet.single
    assert answer.fleet.best is not None
    assert ("cpu-x86-avx512_bf16-2c", 0.5) == (answer.fleet.best.hardware_key, answer.fleet.best.step_seconds)
    assert ("bf16-mixed", "cpu-x86-avx512_bf16-2c") == (answer.precision, answer.hardware_key)


def test_another_tenant_learns_nothing(recorded: Any, full_store: Store, adviser: Adviser) -> None:
    other = full_store.for_tenant("other")
    description = recorded.named("MLP of 1024")
    assert "measured" == ask(full_store, adviser, description=description, hardware_key=HERE).basis
    assert "predicted" == ask(other, adviser, description=description, hardware_key=HERE).basis


def test_calibration_leaves_out_every_model_in_turn(full_store: Store, adviser: Adviser) -> None:
    found = adviser.calibration(full_store, NOW)
    assert found.n == found.models > 20
    assert found is adviser.calibration(full_store, NOW + timedelta(minutes=1))


def test_a_candidate_with_modules_in_fp32_is_not_transferred(recorded: Any, full_store: Store) -> None:
    assert any(each.candidate.keep_fp32 for each in full_store.outcomes())
    new = recorded.named("GRU").model_copy(update={"model_fingerprint": "new"})
    answer = ask(full_store, description=new, hardware_key=HERE)
    told = [*(each.candidate for each in answer.alternatives), *(each.candidate for each in answer.rejected)]
    assert told
    assert not any(each.keep_fp32 for each in told)


def test_a_failure_counts_under_every_tolerance(recorded: Any, store: Store) -> None:
    description = recorded.named("MLP of 1024")
    name = description.model_fingerprint
    store.save_study(make_study(model_fingerprint=name, hardware_key=HERE))
    failed = {"status": "unstable", "verdict": "unstable", "model_fingerprint": name, "hardware_key": HERE}
    store.add_trials([make_trial("32-true", **failed)])
    answer = ask(store, description=description, hardware_key=BESIDE, tolerance=0.001)
    assert answer.precision is None
    assert any("32-true" in each for each in answer.reasons)


def test_postgresql_gives_the_same_answers(recorded: Any, full_store: Store, postgresql: URL) -> None:
    new = recorded.named("MLP of 1024").model_copy(update={"model_fingerprint": "new"})
    questions = ({"description": recorded.named("MLP of 1024")}, {"description": new})
    with SqlStore(postgresql) as other:
        recorded.save(other)
        for each in questions:
            found = [ask(one, **each, hardware_key=HERE).model_copy(update={"id": ""}) for one in (full_store, other)]
            assert found[0] == found[1]
