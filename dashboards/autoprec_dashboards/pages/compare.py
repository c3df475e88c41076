"""Two hardware types, two software versions or two models side by side."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from autoprec_dashboards.pages.qualified import best_of, geometric_mean, newest_by, of_precision, qualifies, rank
from autoprec_dashboards.pages.status import Badge, Tone, badge
from autoprec_runner.quantities import duration
from autoprec_service.formatting import ratio
from autoprec_service.outcome import Outcome

Kind = Literal["hardware", "software", "models"]
KINDS: tuple[Kind, ...] = ("hardware", "software", "models")

_NOTABLE = 1.05
"""From which ratio of step times on a row says faster or slower; below, trials of two days differ that much."""


@dataclass(frozen=True, kw_only=True)
class Side:
    """One precision on one side."""

    badge: Badge
    step: str
    speedup: str
    best: bool


@dataclass(frozen=True, kw_only=True)
class Row:
    """One precision that was measured on both sides."""

    subject: str
    """What else is the same on both sides: the model, or the hardware."""
    subject_path: str
    precision: str
    left: Side
    right: Side
    change: str
    tone: Tone


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """All that both sides have in common, and what differs."""

    rows: tuple[Row, ...]
    faster: int
    slower: int
    mean: str | None
    """The geometric mean of the left step time over the right one."""
    best_changed: tuple[str, ...]
    """Where another precision is best on the right."""
    verdict_changed: tuple[str, ...]
    """What is stable on one side alone."""


def compare(
    left: Sequence[Outcome],
    right: Sequence[Outcome],
    subject: Callable[[Outcome], str],
    path: Callable[[Outcome], str],
    name: Callable[[str], str] = str,
) -> Comparison:
    """Return what was measured on both sides about the same subject in the same precision.

    `subject` tells what is the same on both sides, `path` where a page about it is, and `name` how it is called.
    """
    sides = newest_by(left, subject), newest_by(right, subject)
    rows: list[Row] = []
    ratios: list[float] = []
    best_changed, verdict_changed = [], []
    for key in sorted(sides[0].keys() & sides[1].keys(), key=name):
        groups = sides[0][key], sides[1][key]
        bests = best_of(groups[0]), best_of(groups[1])
        if bests[0] and bests[1] and bests[0].candidate != bests[1].candidate:
            best_changed.append(f"{name(key)}: {bests[0].candidate} → {bests[1].candidate}")
        found = of_precision(groups[0]), of_precision(groups[1])
        for precision in sorted((each for each in found[0] if each in found[1]), key=rank):
            pair = found[0][precision], found[1][precision]
            if pair[0].step_seconds and pair[1].step_seconds and qualifies(pair[0]) and qualifies(pair[1]):
                ratios.append(pair[0].step_seconds / pair[1].step_seconds)
            if pair[0].stable is not None and pair[1].stable is not None and pair[0].stable != pair[1].stable:
                verdict_changed.append(f"{name(key)}: {precision} is {_verdict(pair[0])} → {_verdict(pair[1])}")
            rows.append(_row(name(key), path(pair[0]), precision, pair, bests))
    return Comparison(
        rows=tuple(rows),
        faster=sum(each.tone == "good" for each in rows),
        slower=sum(each.tone == "bad" for each in rows),
        mean=f"{ratio(geometric_mean(ratios))}×" if ratios else None,
        best_changed=tuple(best_changed),
        verdict_changed=tuple(verdict_changed),
    )


def versions_of(outcomes: Iterable[Outcome], package: str) -> tuple[str, ...]:
    """Return under which versions of a package there are outcomes, the newest measurement first."""
    newest: dict[str, Outcome] = {}
    for each in outcomes:
        version = each.software.get(package)
        if version and (version not in newest or each.measured_at > newest[version].measured_at):
            newest[version] = each
    return tuple(sorted(newest, key=lambda version: newest[version].measured_at, reverse=True))


def _row(
    subject: str,
    path: str,
    precision: str,
    pair: tuple[Outcome, Outcome],
    bests: tuple[Outcome | None, Outcome | None],
) -> Row:
    change, tone = _change(*pair)
    return Row(
        subject=subject,
        subject_path=path,
        precision=precision,
        left=_side(pair[0], bests[0]),
        right=_side(pair[1], bests[1]),
        change=change,
        tone=tone,
    )


def _side(outcome: Outcome, best: Outcome | None) -> Side:
    return Side(
        badge=badge(_verdict(outcome)),
        step=duration(outcome.step_seconds) if outcome.step_seconds else "–",
        speedup=f"{ratio(outcome.speedup)}×" if outcome.speedup else "–",
        best=best is not None and outcome.candidate == best.candidate,
    )


def _change(left: Outcome, right: Outcome) -> tuple[str, Tone]:
    if not left.step_seconds or not right.step_seconds:
        return "–", "quiet"
    gain = left.step_seconds / right.step_seconds
    if gain >= _NOTABLE:
        return f"{ratio(gain)}× faster", "good"
    if gain <= 1 / _NOTABLE:
        return f"{ratio(1 / gain)}× slower", "bad"
    return "about the same", "quiet"


def _verdict(outcome: Outcome) -> str:
    if outcome.stable is False:
        return "unstable"
    if outcome.status != "ok":
        return outcome.status
    return "stable" if outcome.stable else "ok" if qualifies(outcome) else "unjudged"
