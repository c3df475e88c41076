"""When the machines of a tenant are read, and when not."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from autoprec_dashboards.census import Census
from autoprec_service.errors import StoreError
from autoprec_service.store import Store, open_store
from fleet_of_machines import reports

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)


class Clock:
    """Passes when it is told to."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with open_store(tmp_path / "store.db") as opened:
        yield opened


def report(store: Store, machines: int) -> None:
    for name, each in reports(NOW, machines):
        store.add_reports(name, [each], sent_at=each.observed_at, received_at=each.observed_at)


def counted(census: Census, store: Store) -> int:
    return len(census.of(store, store.tenant, NOW))


def test_a_fresh_reading_is_shown_again(store: Store) -> None:
    clock = Clock()
    census = Census(fresh_seconds=5, clock=clock)
    report(store, 1)
    assert 1 == counted(census, store)
    report(store, 3)
    clock.seconds = 5
    assert 1 == counted(census, store)


def test_an_older_one_is_shown_once_more_while_the_next_is_made(store: Store) -> None:
    clock = Clock()
    census = Census(fresh_seconds=5, clock=clock)
    report(store, 1)
    assert 1 == counted(census, store)
    report(store, 3)
    clock.seconds = 6
    assert 1 == counted(census, store)
    census.wait()
    assert 3 == counted(census, store)


def test_one_that_is_too_old_is_not_shown(store: Store) -> None:
    clock = Clock()
    census = Census(oldest_seconds=60, clock=clock)
    report(store, 1)
    assert 1 == counted(census, store)
    report(store, 3)
    clock.seconds = 61
    assert 3 == counted(census, store)


def test_each_tenant_has_its_own(store: Store) -> None:
    census = Census()
    report(store, 2)
    assert (2, 0) == (counted(census, store), counted(census, store.for_tenant("other")))


def test_a_store_that_cannot_be_read_is_told_when_there_is_nothing_left_to_show(store: Store) -> None:
    clock = Clock()
    census = Census(clock=clock)
    report(store, 1)
    assert 1 == counted(census, store)
    store.close()
    clock.seconds = 10
    assert 1 == counted(census, store)
    census.wait()
    clock.seconds = 61
    with pytest.raises(StoreError, match="closed"):
        counted(census, store)
