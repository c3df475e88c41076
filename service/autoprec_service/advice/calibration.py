"""How often answers of a stated confidence were right, and confidence that is honest because of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

Column = NDArray[np.float64]

ENOUGH = 40
"""From how many judged answers on scores are calibrated; below, a prior stands in."""
_FOLDS = 5
_BINS = 10
_PRIOR_SHARE, _PRIOR_MOST = 0.5, 0.5
"""What is left of a score where nothing confirms it: half of it."""
_PSEUDO = 1.0
"""What is added to both sides of a rate, so that a few answers are never certain."""


@dataclass(frozen=True, kw_only=True)
class Judged:
    """An answer about a model that was left out, held against what was measured of it."""

    model_fingerprint: str
    score: float
    right: bool


class Bin(BaseModel):
    """Answers whose stated confidence is in one range."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    low: float
    high: float
    stated: float
    """Their mean confidence."""
    confirmed: float
    """Which share of them was right."""
    n: int


class Calibration(BaseModel):
    """From scores to confidence: a rising line through points, and how it did on models that it was not made of."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    method: str
    """`isotonic`, or `prior` where there is too little to calibrate with."""
    n: int
    """Answers that it rests on: one a left-out model and kind of hardware."""
    models: int
    points: tuple[tuple[float, float], ...]
    """Pairs of score and confidence, rising in both."""
    bins: tuple[Bin, ...] = ()
    """Stated confidence against the share that was right; each answer stated by a line made without its model."""
    brier_score: float | None = None
    """Mean square of confidence less 1 for right and 0 for wrong answers; a coin has 0.25."""

    def confidence(self, score: float) -> float:
        """Return the confidence that a score deserves; never less for a higher score."""
        scores, values = zip(*self.points, strict=True)
        return float(np.interp(score, scores, values))


PRIOR = Calibration(method="prior", n=0, models=0, points=((0.0, 0.0), (1.0, _PRIOR_MOST)))
"""What holds before anything was judged."""


def calibrated(judged: Sequence[Judged]) -> Calibration:
    """Return the calibration that judged answers allow; their order does not matter.

    Isotonic regression (pool adjacent violators; Barlow et al., "Statistical inference under order restrictions", 1972)
    over blocks whose rates are drawn towards one half. What it states is reported by cross-validation over models.
    """
    found = sorted(judged, key=lambda each: (each.score, each.model_fingerprint, each.right))
    models = sorted({each.model_fingerprint for each in found})
    if len(found) < ENOUGH or len(models) < _FOLDS:
        report = _reported(found, [PRIOR.confidence(each.score) for each in found])
        return PRIOR.model_copy(update={"n": len(found), "models": len(models), **report})
    folds = {name: number % _FOLDS for number, name in enumerate(models)}
    lines = [_line([each for each in found if folds[each.model_fingerprint] != fold]) for fold in range(_FOLDS)]
    stated = [float(np.interp(each.score, *lines[folds[each.model_fingerprint]])) for each in found]
    scores, values = _line(found)
    return Calibration(
        method="isotonic",
        n=len(found),
        models=len(models),
        points=tuple(zip(scores.tolist(), values.tolist(), strict=True)),
        **_reported(found, stated),
    )


def _line(judged: Sequence[Judged]) -> tuple[Column, Column]:
    """Return scores and the rates at them, both rising from nothing at 0."""
    blocks: list[_Block] = []
    for score, same in groupby(judged, key=lambda each: each.score):
        right = [float(each.right) for each in same]
        blocks.append(_Block(scores=score * len(right), right=sum(right), n=len(right)))
        while len(blocks) > 1 and blocks[-2].rate >= blocks[-1].rate:
            last = blocks.pop()
            blocks[-1] = blocks[-1].joined(last)
    known = [each for each in blocks if each.scores > 0]
    return np.array([0.0, *(each.scores / each.n for each in known)]), np.array([0.0, *(each.rate for each in known)])


@dataclass(frozen=True, kw_only=True)
class _Block:
    """Answers of neighbouring scores that get one rate."""

    scores: float
    """Their sum."""
    right: float
    n: int

    @property
    def rate(self) -> float:
        return (self.right + _PSEUDO) / (self.n + 2 * _PSEUDO)

    def joined(self, other: "_Block") -> "_Block":
        return _Block(scores=self.scores + other.scores, right=self.right + other.right, n=self.n + other.n)


def _reported(judged: Sequence[Judged], stated: Sequence[float]) -> dict[str, object]:
    if not judged:
        return {}
    confidence, right = np.array(stated), np.array([each.right for each in judged], dtype=np.float64)
    at = np.minimum((confidence * _BINS).astype(int), _BINS - 1)
    bins = tuple(
        Bin(
            low=number / _BINS,
            high=(number + 1) / _BINS,
            stated=round(float(confidence[at == number].mean()), 4),
            confirmed=round(float(right[at == number].mean()), 4),
            n=int((at == number).sum()),
        )
        for number in sorted(set(at.tolist()))
    )
    return {"bins": bins, "brier_score": round(float(np.square(confidence - right).mean()), 4)}
