"""How many reports of a machine are kept."""

from datetime import timedelta
from pathlib import Path

import pytest

from autoprec_service.store import SqlStore
from autoprec_service.testing import PROFILE, make_report
from autoprec_service.testing.factories import STARTED_AT


@pytest.fixture
def store(path: Path) -> SqlStore:
    return SqlStore(f"sqlite:///{path}", telemetry_kept=3)


def add(store: SqlStore, number: int, name: str = "node", **fields: object) -> int:
    moment = STARTED_AT + timedelta(seconds=number)
    return store.add_reports(name, [make_report(number, **fields)], sent_at=moment, received_at=moment)  # type: ignore[arg-type]


def kept(store: SqlStore, name: str = "node") -> list[int]:
    return [each.sequence for each in store.reports(name)]


def test_the_latest_live_values_are_kept_and_every_change_of_the_profile(store: SqlStore) -> None:
    with store:
        for number in range(10):
            add(store, number, profile=PROFILE if number in {0, 9} else None)
            add(store, number, "other")
        assert ([0, 7, 8, 9], [7, 8, 9]) == (kept(store), kept(store, "other"))


def test_what_is_older_than_what_is_kept_does_not_push_it_out(store: SqlStore) -> None:
    with store:
        for number in range(5, 10):
            add(store, number)
        late = [make_report(number) for number in range(5)]
        sent = STARTED_AT + timedelta(seconds=10)
        assert 5 == store.add_reports("node", late, sent_at=sent, received_at=sent)
        assert [7, 8, 9] == kept(store)
        node = store.node("node")
        assert node is not None
        assert 9 == node.latest.sequence


def test_a_large_batch_is_taken(store: SqlStore) -> None:
    with store:
        reports = [make_report(number) for number in range(1200)]
        assert 1200 == store.add_reports("node", reports, sent_at=STARTED_AT, received_at=STARTED_AT)
        assert 0 == store.add_reports("node", reports[-3:], sent_at=STARTED_AT, received_at=STARTED_AT)
