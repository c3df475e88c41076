"""What a team would have stored beside its studies: machines that report, training runs, answers that were given."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from autoprec_runner.study import Study
from autoprec_service.asked import AskedRecommendation
from autoprec_service.recommendation import Basis
from autoprec_service.run import Run
from autoprec_service.store import Store
from fleet_of_machines import reports

_ANSWERS: tuple[tuple[int, str | None, Basis | None, float], ...] = (
    (0, "bf16-mixed", "transferred", 0.62),
    (1, "bf16-mixed", "transferred", 0.71),
    (2, "bf16-mixed", "predicted", 0.35),
    (5, "bf16-true", "predicted", 0.3),
    (4, "bf16-mixed", "transferred", 0.55),
    (7, "32-true", "measured", 0.9),
    (7, None, None, 0.0),
)
"""Which study would have answered it, what was answered, on what it rested, and how sure that was."""
_RUNS = ((0, "32-true"), (0, "bf16-mixed"), (5, "bf16-true"), (3, "32-true"))


def fill(store: Store, studies: Sequence[Study], now: datetime) -> None:
    """Add all that to a store."""
    for name, report in reports(now):
        store.add_reports(name, [report], sent_at=report.observed_at, received_at=report.observed_at)
    for number, (place, precision) in enumerate(_RUNS):
        store.save_run(_run(number, studies[place], precision, now))
    store.add_recommendations(
        _answer(number, studies[place], precision, basis, confidence)
        for number, (place, precision, basis, confidence) in enumerate(_ANSWERS)
    )


def _run(number: int, study: Study, precision: str, now: datetime) -> Run:
    return Run(
        id=f"run-{number}",
        node="node-0000",
        model_fingerprint=study.model_fingerprint,
        workload=study.workload,
        hardware_key=study.hardware_key,
        precision=precision,
        mode=study.mode,
        started_at=now - timedelta(hours=5 + 3 * number),
        seen_at=now,
    )


def _answer(
    number: int, study: Study, precision: str | None, basis: Basis | None, confidence: float
) -> AskedRecommendation:
    """Return an answer that was given before the study was made."""
    return AskedRecommendation(
        id=f"answer-{number}",
        asked_at=study.started_at - timedelta(hours=1 + number),
        question={"model_fingerprint": study.model_fingerprint},
        precision=precision,
        basis=basis,
        confidence=confidence,
        model_fingerprint=study.model_fingerprint,
        hardware_key=study.hardware_key,
        mode=study.mode,
    )
