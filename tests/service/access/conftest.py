from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from autoprec_service.access import Access, open_access
from autoprec_service.store import open_store


class Clock:
    """The time, until it is told to be later."""

    def __init__(self) -> None:
        self.now = datetime(2030, 1, 1, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def passes(self, **duration: float) -> None:
        self.now += timedelta(**duration)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(params=["sqlite", "postgresql"])
def db(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "postgresql":
        return str(request.getfixturevalue("postgresql").render_as_string(hide_password=False))
    return str(tmp_path / "store.db")


@pytest.fixture
def access(db: str, clock: Clock) -> Iterator[Access]:
    open_store(db).close()
    with open_access(db, clock=clock) as opened:
        yield opened
