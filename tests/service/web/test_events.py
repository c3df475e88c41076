"""What happens, as it happens."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

import httpx
import pytest

from autoprec_service.store import Store, open_store
from autoprec_service.testing import PROFILE, make_report, make_study, make_trial
from autoprec_service.testing.factories import STARTED_AT
from autoprec_service.testing.process import ServiceProcess

PATIENCE_SECONDS = 30


@pytest.fixture
def path(db: str) -> Path:
    return Path(db)


@pytest.fixture
def service(path: Path) -> Iterator[ServiceProcess]:
    with ServiceProcess(path) as running:
        yield running


@pytest.fixture
def store(path: Path) -> Iterator[Store]:
    with open_store(path) as opened:
        yield opened


@contextmanager
def listening(service: ServiceProcess, **headers: str) -> Iterator[Iterator[dict[str, Any]]]:
    """Give the events as they come, each with its id and kind."""
    with httpx.stream("GET", f"{service.url}/events", headers=headers, timeout=PATIENCE_SECONDS) as response:
        assert "text/event-stream; charset=utf-8" == response.headers["content-type"]
        yield events(response.iter_lines())


def events(lines: Iterator[str]) -> Iterator[dict[str, Any]]:
    event: dict[str, Any] = {}
    for line in lines:
        name, _, value = line.partition(": ")
        if not line:
            yield event  # nothing but a comment is an empty one
            event = {}
        elif name:
            event[name] = json.loads(value) if name == "data" else value


def write(store: Store) -> None:
    store.save_study(make_study())
    store.add_trials([make_trial(id="t-1"), make_trial("bf16-mixed", id="t-2")])
    store.add_reports("n-1", [make_report(1, profile=PROFILE)], sent_at=STARTED_AT, received_at=STARTED_AT)


WRITTEN = [("study", "study-a"), ("trial", "t-1"), ("trial", "t-2"), ("node", "n-1")]


def told(found: Iterator[dict[str, Any]], count: int) -> list[tuple[str, str]]:
    return [(event["event"], event["data"]["id"]) for event in islice(filter(None, found), count)]


def test_whatever_is_written_is_told_to_all_who_listen(service: ServiceProcess, store: Store) -> None:
    with listening(service) as one, listening(service) as other:
        assert {} == next(one) | next(other)
        write(store)
        assert (WRITTEN, WRITTEN) == (told(one, 4), told(other, 4))


def test_who_comes_back_goes_on_where_it_was(service: ServiceProcess, store: Store) -> None:
    write(store)
    with listening(service, **{"Last-Event-ID": "0"}) as found:
        first = next(filter(None, found))
    assert "study" == first["event"]
    with listening(service, **{"Last-Event-ID": first["id"]}) as found:
        assert WRITTEN[1:] == told(found, 3)


def test_who_listens_anew_hears_nothing_old(service: ServiceProcess, store: Store) -> None:
    write(store)
    with listening(service) as found:
        assert {} == next(found)
        store.save_study(make_study(id="another"))
        assert [("study", "another")] == told(found, 1)


def test_no_tenant_hears_of_another(service: ServiceProcess, store: Store) -> None:
    with listening(service) as found:
        assert {} == next(found)
        store.for_tenant("other").save_study(make_study())
        store.save_study(make_study(id="mine"))
        assert [("study", "mine")] == told(found, 1)


def test_when_the_service_ends_so_do_the_events(service: ServiceProcess) -> None:
    with listening(service) as found:
        assert {} == next(found)
        assert 0 == service.terminate()
        assert [] == list(filter(None, found))
