"""Real records: studies of real workloads, recorded by `record_studies.py`."""

from collections.abc import Callable
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import pytest

from autoprec_runner.study import Study
from autoprec_runner.trial import Trial
from autoprec_service.exchange import import_jsonl
from autoprec_service.exchange.lines import record_of
from autoprec_service.store import open_store
from filling import fill

STUDIES = Path(__file__).parent / "data" / "studies.jsonl"

Recorded = tuple[Study, list[Trial]]


@cache
def _recorded() -> tuple[list[Study], list[Trial]]:
    found = [record_of(line) for line in STUDIES.read_text().splitlines()]
    return [each for each in found if isinstance(each, Study)], [each for each in found if isinstance(each, Trial)]


@pytest.fixture(scope="session")
def studies() -> list[Study]:
    """Every recorded study."""
    return _recorded()[0]


@pytest.fixture(scope="session")
def recorded() -> Callable[..., Recorded]:
    """Return the first recorded study whose name begins so, with its trials; `cores` says on how many it ran."""

    def found(name: str, *, cores: int = 2) -> Recorded:
        whole, trials = _recorded()
        study = next(
            each for each in whole if each.workload.startswith(name) and each.hardware_key.endswith(f"-{cores}c")
        )
        return study, [each for each in trials if each.study_id == study.id]

    return found


@pytest.fixture(scope="session")
def filled_place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with every recorded study, a small fleet, training runs, and answers that were given."""
    place = tmp_path_factory.mktemp("filled") / "store.db"
    with open_store(place) as store:
        fill(store, _recorded()[0], datetime.now(UTC))
        import_jsonl(store, STUDIES)
    return place


@pytest.fixture(scope="session")
def empty_place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store whose tables are there, and nothing in them."""
    place = tmp_path_factory.mktemp("empty") / "store.db"
    open_store(place).close()
    return place
