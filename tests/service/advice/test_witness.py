from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from autoprec_probe.candidate import Candidate
from autoprec_service.advice.witness import Witness, witnesses
from autoprec_service.outcome import Outcome

APART = {"here": 0.0, "nearby": 0.3, "far": 6.0}


def seen(precision: str = "bf16-mixed", hours: int = 0, **fields: Any) -> Outcome:
    given = {
        "study_id": "a",
        "trial_id": f"{precision} {fields.get('hardware_key', 'here')} {hours}",
        "model_fingerprint": "m",
        "workload_key": "w",
        "hardware_key": "here",
        "mode": "train",
        "candidate": Candidate(precision=precision),
        "status": "ok",
        "stable": True,
        "speedup": 2.0,
        "software": {"torch": "2.9"},
        "measured_at": datetime(2025, 1, 1, tzinfo=UTC) + timedelta(hours=hours),
    }
    return Outcome.model_validate(given | fields)


def one(*outcomes: Outcome, precision: str = "bf16-mixed", asked: dict[str, str | None] | None = None) -> Witness:
    found = witnesses(outcomes, APART.__getitem__, asked)
    return next(each for each in found if each.candidate.precision == precision)


def test_speed_is_that_on_the_nearest_hardware() -> None:
    witness = one(seen(hardware_key="far", speedup=3.0), seen(hardware_key="nearby", speedup=1.5))
    assert pytest.approx(0.405, abs=1e-3) == witness.log_speedup
    assert 0.3 == witness.speed_apart


def test_one_failure_anywhere_makes_it_unstable() -> None:
    assert one(seen(), seen(hours=1), seen(hardware_key="far", status="unstable", stable=False)).stable is False


def test_a_success_after_a_failure_does_not_make_it_stable() -> None:
    assert one(seen(stable=False, hours=0), seen(stable=True, hours=5)).stable is False


def test_a_mixed_precision_is_stable_where_the_true_one_of_its_format_is() -> None:
    witness = one(seen(stable=None), seen("bf16-true"))
    assert witness.stable is True
    assert "bf16-true here 0" in witness.evidence


def test_a_true_precision_is_not_stable_because_the_mixed_one_is() -> None:
    assert one(seen(), seen("bf16-true", stable=None), precision="bf16-true").stable is None


def test_a_mixed_precision_that_failed_stays_failed() -> None:
    assert one(seen(stable=False), seen("bf16-true")).stable is False


def test_a_candidate_that_was_cut_off_counts_as_slow() -> None:
    witness = one(seen(status="timeout", stable=None, speedup=None))
    assert witness.log_speedup is not None
    assert witness.log_speedup < -1


def test_what_did_not_run_on_other_hardware_is_not_broken_here() -> None:
    crashed: dict[str, Any] = {"status": "crashed", "stable": None, "speedup": None}
    assert ("crashed", None) == (one(seen(**crashed)).broken, one(seen(hardware_key="far", **crashed)).broken)


def test_what_was_measured_under_the_asked_software_is_preferred() -> None:
    old, new = seen(speedup=1.0, hours=2, software={"torch": "2.8"}), seen(speedup=4.0, hours=1)
    witness = one(old, new, asked={"torch": "2.9"})
    assert witness.fresh
    assert pytest.approx(1.386, abs=1e-3) == witness.log_speedup


def test_what_was_measured_under_other_software_alone_is_not_fresh() -> None:
    assert not one(seen(software={"torch": "2.8"}), asked={"torch": "2.9"}).fresh
