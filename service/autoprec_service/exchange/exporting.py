"""From a store to a file."""

from collections.abc import Iterator
from pathlib import Path
from typing import TextIO, TypedDict, Unpack

from autoprec_runner.study import Study
from autoprec_runner.trial import Trial, TrialStatus
from autoprec_service.exchange.files import writing
from autoprec_service.exchange.lines import line_of
from autoprec_service.store.contract import Store

_PAGE = 200


class TrialFilters(TypedDict, total=False):
    """What can be asked of the trials of a store."""

    study_id: str | None
    model_fingerprint: str | None
    hardware_key: str | None
    workload_key: str | None
    precision: str | None
    status: TrialStatus | None


def export_jsonl(store: Store, file: str | Path | TextIO, **filters: Unpack[TrialFilters]) -> int:
    """Write the trials that match every filter, each study before its first trial, and return the number of lines.

    Without a filter, studies that have no trial are written, too. Records are complete: the serial numbers of devices
    are among the hardware facts of a study.

    Raises:
        ExchangeError: The file cannot be written.
        StoreError: The store cannot be read.
    """
    lines = 0
    with writing(file) as stream:
        for record in records(store, filters):
            stream.write(line_of(record))
            lines += 1
    return lines


def records(store: Store, filters: TrialFilters) -> Iterator[Study | Trial]:
    """Yield the trials that match every filter, each study before its first trial, and without a filter the others."""
    written: set[str] = set()
    for trial in _all_trials(store, filters):
        if trial.study_id not in written:
            written.add(trial.study_id)
            study = store.study(trial.study_id)
            assert study is not None, "a store holds the study of each trial"
            yield study
        yield trial
    if all(value is None for value in filters.values()):
        yield from (study for study in _all_studies(store) if study.id not in written)


def _all_trials(store: Store, filters: TrialFilters) -> Iterator[Trial]:
    page = store.trials(limit=_PAGE, **filters)
    while page:
        yield from page
        page = store.trials(limit=_PAGE, after=page[-1].id, **filters)


def _all_studies(store: Store) -> Iterator[Study]:
    page = store.studies(limit=_PAGE)
    while page:
        yield from page
        page = store.studies(limit=_PAGE, after=page[-1].id)
