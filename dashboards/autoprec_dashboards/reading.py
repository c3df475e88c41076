"""Reading the newest outcomes, and no more than a page can show."""

from autoprec_runner.study import Study
from autoprec_runner.trial import Mode
from autoprec_service.outcome import Outcome
from autoprec_service.store import Store

LATEST_STUDIES = 60
"""Studies whose outcomes are compared with each other."""


def latest_outcomes(
    store: Store,
    *,
    model_fingerprint: str | None = None,
    hardware_key: str | None = None,
    mode: Mode | None = None,
    studies: int = LATEST_STUDIES,
) -> list[Outcome]:
    """Return the outcomes of the latest studies that match."""
    found = store.studies(
        model_fingerprint=model_fingerprint, hardware_key=hardware_key, mode=mode, newest_first=True, limit=studies
    )
    return [outcome for each in found for outcome in _of_study(store, each)]


def _of_study(store: Store, study: Study) -> list[Outcome]:
    """Return the outcomes of a study; its model and hardware lead to them sooner than its id alone."""
    return store.outcomes(
        model_fingerprint=study.model_fingerprint, hardware_key=study.hardware_key, mode=study.mode, study_id=study.id
    )
