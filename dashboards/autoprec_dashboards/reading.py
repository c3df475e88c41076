"""Reading the newest outcomes, and no more than a page can show."""

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
    ids = {each.id for each in found}
    places = dict.fromkeys((each.model_fingerprint, each.hardware_key) for each in found)
    read = (store.outcomes(model_fingerprint=model, hardware_key=key, mode=mode) for model, key in places)
    return [outcome for page in read for outcome in page if outcome.study_id in ids]
