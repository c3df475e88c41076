"""What transfers draw on: the figures of every described model, and what was measured of those that are near.

It mirrors a part of one tenant's store and holds nothing of its own: the feed of changes tells which models have to be
read again, so that a new trial counts in the next answer, whichever replica took it.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from threading import Event, RLock

import numpy as np
from numpy.typing import NDArray

from autoprec_runner.description import ModelDescription
from autoprec_runner.trial import Mode
from autoprec_service.advice.expectation import Voice
from autoprec_service.advice.features import FEATURES, Row, distances, features
from autoprec_service.advice.remembered import Remembered
from autoprec_service.advice.staleness import Versions
from autoprec_service.advice.witness import Witness, witnesses
from autoprec_service.outcome import Outcome
from autoprec_service.store import Store

_PAGE = 500
_FARTHEST = 1.5
"""From which distance on a model says nothing: its word would count a hundredth."""
_NEIGHBOURS = 16
_MODELS_KEPT = 100
"""Models whose outcomes are kept: of each there may be hundreds, and what is to be swept holds everybody up."""
_SAID_KEPT = 5_000
"""What models said of some hardware, a few witnesses each."""
_FAR_BEHIND = 20_000
"""From how many changes on they are not followed one by one; the feed forgets after 100,000."""


@dataclass(frozen=True, kw_only=True)
class Near:
    """A described model near the one that is asked about."""

    fingerprint: str
    name: str
    distance: float


@dataclass(kw_only=True)
class _Shelf:
    """The described models of one mode, a row each."""

    fingerprints: list[str] = field(default_factory=list)
    at: dict[str, int] = field(default_factory=dict)
    rows: NDArray[np.float64] = field(default_factory=lambda: np.empty((0, len(FEATURES))))

    def put(self, fingerprint: str, row: Row) -> None:
        if fingerprint in self.at:
            self.rows[self.at[fingerprint]] = row
            return
        used = len(self.fingerprints)
        if used == len(self.rows):  # room for twice as many, so that adding one does not copy all
            self.rows = np.vstack([self.rows, np.empty((max(_PAGE, used), len(FEATURES)))])
        self.rows[used] = row
        self.at[fingerprint] = used
        self.fingerprints.append(fingerprint)

    def nearest(self, row: Row, limit: int) -> Iterator[tuple[str, float]]:
        used = len(self.fingerprints)
        apart = distances(row, self.rows[:used])
        few = np.argpartition(apart, limit - 1)[:limit] if used > limit else np.arange(used)
        for distance, name in sorted((float(apart[each]), self.fingerprints[each]) for each in few):
            yield name, distance


class Knowledge:
    """The figures of one tenant's models, brought up to date by `refresh`. May be used by several threads."""

    def __init__(self) -> None:
        self.stopped = Event()
        """Set it to end what takes long, before the store is closed."""
        self._lock = RLock()
        self._position: int | None = None
        self._epoch = 0
        """The change up to which everything that was read earlier is forgotten."""
        self._shelves: dict[Mode, _Shelf] = {"train": _Shelf(), "inference": _Shelf()}
        self._names: dict[str, str] = {}
        self._versions: dict[str, int] = {}
        self._outcomes: Remembered[tuple[Outcome, ...]] = Remembered(_MODELS_KEPT)
        self._witnesses: Remembered[tuple[Witness, ...]] = Remembered(_SAID_KEPT)

    def refresh(self, store: Store) -> None:
        """Read what has changed in the store since the last time; the first time reads every description."""
        with self._lock:
            newest = store.last_change()
            if self._position is None:
                for each in _descriptions(store):
                    if self.stopped.is_set():
                        return
                    self._put(each)
            elif newest - self._position <= _FAR_BEHIND:
                self._follow(store, newest)
            else:  # reading everything again when it is asked for takes less than following
                self._epoch = newest
            self._position = newest

    def look_for_new(self, store: Store) -> None:
        """Read the models that were described since the last time without having been measured."""
        for fingerprint in _described(store):
            if self.stopped.is_set():
                return
            if fingerprint not in self._names and (description := store.description(fingerprint)) is not None:
                with self._lock:
                    self._put(description)

    def _follow(self, store: Store, newest: int) -> None:
        """Read the models again about which there is something new."""
        assert self._position is not None, "there is nothing to follow before the first time"
        changed, position = set(), self._position
        while position < newest and (page := store.changes(after=position, limit=_PAGE)):
            position = page[-1].position
            changed |= {each.model_fingerprint for each in page if each.model_fingerprint is not None}
        for fingerprint in changed:
            self._versions[fingerprint] = newest
            if (description := store.description(fingerprint)) is not None:
                self._put(description)

    def names(self) -> dict[str, str]:
        """Return how models are called, by fingerprint."""
        return self._names

    def described(self, mode: Mode) -> list[str]:
        """Return the fingerprints of the models that were described in a mode, sorted."""
        return sorted(self._shelves[mode].fingerprints)

    def row(self, fingerprint: str, mode: Mode) -> Row | None:
        """Return the figures of a model; None where it was not described in this mode."""
        shelf = self._shelves[mode]
        return shelf.rows[shelf.at[fingerprint]].copy() if fingerprint in shelf.at else None

    def near(self, fingerprint: str, row: Row | None, mode: Mode) -> list[Near]:
        """Return the models near a row, the nearest first, without the model itself; none where there is no row."""
        if row is None:
            return []
        with self._lock:
            found = list(self._shelves[mode].nearest(row, _NEIGHBOURS + 1))
        return [
            Near(fingerprint=name, name=self._names[name], distance=distance)
            for name, distance in found
            if name != fingerprint and distance <= _FARTHEST
        ][:_NEIGHBOURS]

    def outcomes(self, store: Store, fingerprint: str, mode: Mode) -> tuple[Outcome, ...]:
        """Return everything measured of a model in a mode, on whatever hardware."""
        key = fingerprint, mode, self._version(fingerprint)
        return self._outcomes.get(key, lambda: tuple(store.outcomes(model_fingerprint=fingerprint, mode=mode)))

    def voices(
        self,
        store: Store,
        near: Near,
        mode: Mode,
        *,
        hardware_key: str,
        apart: Callable[[str], float],
        asked: Versions | None,
    ) -> list[Voice]:
        """Return what one model says about the hardware that is asked about."""
        version = self._version(near.fingerprint)
        key = near.fingerprint, mode, hardware_key, version, tuple(sorted((asked or {}).items()))
        found = self._witnesses.get(key, lambda: witnesses(self.outcomes(store, near.fingerprint, mode), apart, asked))
        return [Voice(witness=each, model_distance=near.distance) for each in found]

    def _version(self, fingerprint: str) -> int:
        return max(self._epoch, self._versions.get(fingerprint, 0))

    def _put(self, description: ModelDescription) -> None:
        self._names[description.model_fingerprint] = description.name
        self._shelves[description.mode].put(description.model_fingerprint, features(description))


def _descriptions(store: Store) -> Iterator[ModelDescription]:
    after: str | None = None
    while page := store.descriptions(limit=_PAGE, after=after):
        yield from page
        after = page[-1].model_fingerprint


def _described(store: Store) -> Iterator[str]:
    """Yield the fingerprints of models that have a description."""
    after: str | None = None
    while page := store.models(limit=_PAGE, after=after):
        yield from (each.fingerprint for each in page if each.parameters is not None)
        after = page[-1].fingerprint
