"""What holds of transfers whatever near models say."""

import random
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import assume, given
from hypothesis import strategies as st

from autoprec_probe.candidate import Candidate
from autoprec_probe.support import Support
from autoprec_runner.study import Constraints
from autoprec_service.advice.expectation import NEAR, Voice, expectations
from autoprec_service.advice.need import Need
from autoprec_service.advice.transferred import Prospect, recommend_transferred
from autoprec_service.advice.witness import witnesses
from autoprec_service.outcome import Outcome
from autoprec_service.policy.predicted import Setting
from autoprec_service.recommendation import Recommendation

HERE, NEARBY, FAR = "here", "nearby", "far"
APART = {HERE: 0.0, NEARBY: 0.4, FAR: 6.0}
PRECISIONS = ["32-true", "bf16-mixed", "16-mixed", "bf16-true", "64-true"]
LIMIT = 1000


@st.composite
def outcome(draw: st.DrawFn) -> Outcome:
    status = draw(st.sampled_from(["ok"] * 6 + ["unstable", "timeout", "crashed", "oom"]))
    fields: dict[str, Any] = {
        "study_id": draw(st.sampled_from(["a", "b"])),
        "trial_id": str(draw(st.uuids(version=4))),
        "model_fingerprint": draw(st.sampled_from(["m1", "m2", "m3", "m4"])),
        "workload_key": "w",
        "hardware_key": draw(st.sampled_from(list(APART))),
        "mode": "train",
        "candidate": Candidate(precision=draw(st.sampled_from(PRECISIONS))),
        "status": status,
        "stable": draw(st.sampled_from([True, True, True, None, False])) if status == "ok" else None,
        "speedup": draw(st.none() | st.floats(0.2, 4)),
        "memory_ratio": draw(st.none() | st.floats(0.2, 4)),
        "software": {"torch": draw(st.sampled_from(["2.8", "2.9", None]))},
        "measured_at": datetime(2025, 1, 1, tzinfo=UTC) + timedelta(hours=draw(st.integers(0, 9))),
    }
    return Outcome.model_validate(fields)


outcomes = st.lists(outcome(), max_size=40)
distances = st.fixed_dictionaries({name: st.floats(0, 2.5) for name in ("m1", "m2", "m3", "m4")})
level = st.sampled_from(["native", "native", "unsupported", "emulated"])
circumstances = st.fixed_dictionaries(
    {
        "levels": st.fixed_dictionaries(dict.fromkeys(PRECISIONS, level)),
        "needs": st.fixed_dictionaries(dict.fromkeys(PRECISIONS, st.none() | st.integers(1, 2 * LIMIT))),
        "limit": st.sampled_from([None, LIMIT]),
        "objective": st.sampled_from(["throughput", "memory", "balanced", "energy", "time-to-loss"]),
    }
)


def voices(found: list[Outcome], apart: dict[str, float]) -> list[Voice]:
    names = dict.fromkeys(each.model_fingerprint for each in found)
    return [
        Voice(witness=witness, model_distance=apart[name])
        for name in names
        for witness in witnesses([each for each in found if each.model_fingerprint == name], APART.__getitem__)
    ]


def ask(
    found: list[Outcome],
    apart: dict[str, float],
    *,
    levels: dict[str, Any] | None = None,
    needs: dict[str, int | None] | None = None,
    limit: int | None = None,
    objective: Any = "throughput",
) -> Recommendation:
    prospects = [
        Prospect(
            expectation=each,
            support=Support(
                candidate=each.candidate,
                level=(levels or {}).get(each.candidate.precision, "native"),
                reason="The probe says so.",
            ),
            need=need((needs or {}).get(each.candidate.precision)),
        )
        for each in expectations(voices(found, apart))
    ]
    setting = Setting(
        objective=objective,
        constraints=Constraints(max_memory_bytes=limit),
        mode="train",
        hardware_key=HERE,
        model_fingerprint="asked",
        memory_bytes=None,
    )
    return recommend_transferred(prospects, setting)


def need(peak: int | None) -> Need:
    return Need(least=0.0) if peak is None else Need(least=0.0, likely=float(peak), most=1.2 * peak)


@given(outcomes, distances, circumstances)
def test_nothing_unstable_unsupported_or_too_large_is_recommended(
    found: list[Outcome], apart: dict[str, float], case: dict[str, Any]
) -> None:
    answer = ask(found, apart, **case)
    if answer.candidate is None:
        assert (0.0, None, None) == (answer.confidence, answer.precision, answer.basis)
        assert answer.reasons
        return
    own = [each for each in voices(found, apart) if each.witness.candidate == answer.candidate]
    assert not any(each.witness.stable is False and each.stability_distance <= NEAR for each in own)
    assert "native" == case["levels"][answer.precision]
    if case["limit"] is not None:
        peak = case["needs"][answer.precision]
        assert peak is not None
        assert peak <= case["limit"]


@given(outcomes, distances, st.randoms(use_true_random=False))
def test_the_order_of_the_outcomes_does_not_matter(
    found: list[Outcome], apart: dict[str, float], chance: random.Random
) -> None:
    shuffled = found.copy()
    chance.shuffle(shuffled)
    assert ask(found, apart) == ask(shuffled, apart)


@given(outcomes, outcomes, distances)
def test_more_evidence_never_makes_it_forget_a_failure(
    before: list[Outcome], added: list[Outcome], apart: dict[str, float]
) -> None:
    failed = {each.candidate for each in ask(before, apart).rejected if each.status == "unstable"}
    answer = ask([*before, *added], apart)
    assert failed <= {each.candidate for each in answer.rejected if each.status == "unstable"}
    assert answer.candidate not in failed


@given(outcomes, distances)
def test_every_candidate_is_told_about_once(found: list[Outcome], apart: dict[str, float]) -> None:
    answer = ask(found, apart)
    told = [*(each.candidate for each in answer.alternatives), *(each.candidate for each in answer.rejected)]
    told += [answer.candidate] if answer.candidate else []
    assert sorted({str(each.candidate) for each in found}) == sorted(map(str, told))


def held(name: str, precision: str, speedup: float) -> Outcome:
    return Outcome(
        study_id="a",
        trial_id=f"{name} {precision}",
        model_fingerprint=name,
        workload_key="w",
        hardware_key=HERE,
        mode="train",
        candidate=Candidate(precision=precision),
        status="ok",
        stable=True,
        speedup=speedup,
        memory_ratio=1.0,
        measured_at=datetime(2025, 1, 1, tzinfo=UTC),
    )


def agreeing(*names: str) -> list[Outcome]:
    return [each for name in names for each in (held(name, "32-true", 1.0), held(name, "bf16-mixed", 2.0))]


@given(st.floats(0, 2), st.floats(0, 2))
def test_nearer_models_give_no_less_confidence(one: float, other: float) -> None:
    near, far = sorted([one, other])
    found = [ask(agreeing("m1", "m2"), {"m1": each, "m2": each}) for each in (near, far)]
    assume(all(each.precision == "bf16-mixed" for each in found))
    assert found[0].confidence >= found[1].confidence


@given(st.integers(1, 3), st.floats(0, 1))
def test_more_models_that_agree_give_no_less_confidence(number: int, distance: float) -> None:
    names = ["m1", "m2", "m3", "m4"]
    apart = dict.fromkeys(names, distance)
    few, more = ask(agreeing(*names[:number]), apart), ask(agreeing(*names[: number + 1]), apart)
    assume(few.precision == "bf16-mixed")
    assert "bf16-mixed" == more.precision
    assert more.confidence >= few.confidence


@given(st.floats(NEAR + 0.01, 1.4))
def test_a_failure_of_a_far_model_lowers_the_confidence(distance: float) -> None:
    apart = {"m1": 0.1, "m2": 0.1, "m3": distance}
    failed = held("m3", "bf16-mixed", 2.0).model_copy(update={"status": "unstable", "stable": False})
    before, after = ask(agreeing("m1", "m2"), apart), ask([*agreeing("m1", "m2"), failed], apart)
    assert "bf16-mixed" == before.precision
    assert after.precision != "bf16-mixed" or after.confidence < before.confidence


def test_a_model_on_forty_machines_is_one_witness() -> None:
    keys = [HERE, NEARBY]
    many = [each.model_copy(update={"hardware_key": key, "trial_id": key}) for key in keys for each in agreeing("m1")]
    once, often = ask(agreeing("m1"), {"m1": 0.2}), ask(many, {"m1": 0.2})
    assert (once.precision, once.confidence) == (often.precision, often.confidence)


def test_the_nearest_of_two_models_at_one_distance_from_nothing_is_too_far() -> None:
    answer = ask(agreeing("m1"), {"m1": 2.4})
    assert answer.precision is None
    assert "too few or too far away" in answer.reasons[0]


def test_a_precision_that_failed_on_a_near_model_is_rejected_by_name() -> None:
    failed = held("m2", "bf16-mixed", 2.0).model_copy(update={"status": "unstable", "stable": False})
    answer = ask([*agreeing("m1", "m3"), failed, held("m2", "32-true", 1.0)], {"m1": 0.1, "m2": 0.5, "m3": 0.1})
    assert "32-true" == answer.precision
    assert ["bf16-mixed"] == [str(each.candidate) for each in answer.rejected]
    assert "'m2'" in answer.rejected[0].reason
