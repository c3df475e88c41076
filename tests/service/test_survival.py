"""What clients were told to be stored is there, once, however often service and database are killed."""

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from survival import Survival, of_database, of_service

CLIENTS = 2


@pytest.fixture
def folder() -> Iterator[Path]:
    """Not pytest's: another user, as which PostgreSQL runs where we are root, may not enter that."""
    with TemporaryDirectory(prefix="autoprec-") as made:
        yield Path(made)


def test_nothing_is_lost_or_doubled_when_the_service_is_killed(folder: Path) -> None:
    unharmed(of_service(folder, kills=3, clients=CLIENTS), kills=3)


def test_nothing_is_lost_or_doubled_when_the_database_is_killed(folder: Path) -> None:
    unharmed(of_database(folder, kills=2, clients=CLIENTS), kills=2)


def unharmed(found: Survival, *, kills: int) -> None:
    assert found.acknowledged >= 10 * CLIENTS * (kills + 1)
    assert (0, 0, 0) == (found.lost, found.doubled, found.unannounced)
    assert 0 == found.gave_up
    assert found.holds
