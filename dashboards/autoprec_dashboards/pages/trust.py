"""Whether advice can be trusted: what later trials said of it, and how old the evidence is."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from autoprec_dashboards.figures.calibration import Bin
from autoprec_dashboards.pages.qualified import best_of, newest_by, of_precision, qualifies
from autoprec_dashboards.pages.status import Badge, badge
from autoprec_service.asked import AskedRecommendation
from autoprec_service.outcome import Outcome

Verdict = Literal["confirmed", "refuted", "open"]
Place = tuple[str | None, str | None]
"""Model fingerprint and hardware key."""

_NEAR = 1.1
"""A precision whose step takes at most so many times that of the best was a good answer."""
_BIN = 0.2


@dataclass(frozen=True, kw_only=True)
class Judged:
    """One answer, and what was measured since."""

    asked: AskedRecommendation
    basis: Badge
    verdict: Verdict
    badge: Badge
    why: str


@dataclass(frozen=True, kw_only=True)
class BasisRow:
    """All answers of one basis."""

    basis: str
    answers: int
    confirmed: int
    refuted: int
    mean_confidence: float

    @property
    def share(self) -> float | None:
        """The confirmed share of those that could be judged."""
        judged = self.confirmed + self.refuted
        return self.confirmed / judged if judged else None


@dataclass(frozen=True, kw_only=True)
class StaleRow:
    """Evidence of one hardware that was measured under other software than runs there now."""

    hardware_key: str
    package: str
    current: str
    outdated: int
    outcomes: int
    oldest: str


@dataclass(frozen=True, kw_only=True)
class TrustView:
    """What the page shows."""

    judged: tuple[Judged, ...]
    bases: tuple[BasisRow, ...]
    bins: tuple[Bin, ...]
    abstained: int

    @property
    def confirmed(self) -> int:
        """Answers that later trials agreed with."""
        return sum(each.verdict == "confirmed" for each in self.judged)

    @property
    def refuted(self) -> int:
        """Answers that later trials contradicted."""
        return sum(each.verdict == "refuted" for each in self.judged)


def trust_view(asked: Sequence[AskedRecommendation], outcomes: Mapping[Place, Sequence[Outcome]]) -> TrustView:
    """Return what became of answers; `outcomes` holds what was measured of each model and hardware asked about."""
    answered = [each for each in asked if each.precision is not None]
    judged = [_judged(each, outcomes.get((each.model_fingerprint, each.hardware_key), ())) for each in answered]
    return TrustView(
        judged=tuple(judged),
        bases=tuple(_bases(judged)),
        bins=tuple(_bins(judged)),
        abstained=len(asked) - len(answered),
    )


def judge(asked: AskedRecommendation, outcomes: Sequence[Outcome]) -> tuple[Verdict, str]:
    """Return whether the trials that began after a question agree with its answer, and why, in a few words.

    They agree if the precision was found to be sound and its step takes at most a tenth longer than that of the best.
    """
    later = [each for each in outcomes if each.measured_at > asked.asked_at and asked.mode in {None, each.mode}]
    if not later:
        return "open", "nothing was measured since"
    newest = next(iter(newest_by(later, lambda _: None).values()))
    found = of_precision(newest).get(asked.precision or "")
    if found is None:
        return "open", f"{asked.precision} was not tried since"
    return _beside(found, best_of(newest)) if qualifies(found) else _disqualified(found)


def _disqualified(found: Outcome) -> tuple[Verdict, str]:
    name = found.candidate
    if found.stable is None and found.status == "ok":
        return "open", f"{name} ran and was not verified"
    return "refuted", f"{name} was {'unstable' if found.stable is False else found.status}"


def _beside(found: Outcome, best: Outcome | None) -> tuple[Verdict, str]:
    if best is None or not best.step_seconds or not found.step_seconds:
        return "confirmed", "it was found stable"
    slower = found.step_seconds / best.step_seconds
    if slower > _NEAR:
        return "refuted", f"{best.candidate} was {slower:.2g}× as fast"
    return "confirmed", "it was the best" if best.candidate == found.candidate else f"within 10 % of {best.candidate}"


def stale_rows(outcomes: Mapping[str, Sequence[Outcome]], package: str = "torch") -> tuple[StaleRow, ...]:
    """Return for each hardware how many outcomes were measured under another version than the newest one."""
    return tuple(row for key, found in sorted(outcomes.items()) if (row := _stale(key, found, package)))


def _stale(key: str, outcomes: Sequence[Outcome], package: str) -> StaleRow | None:
    told = [each for each in outcomes if each.software.get(package)]
    if not told:
        return None
    current = max(told, key=lambda each: each.measured_at).software[package]
    outdated = [each for each in told if each.software[package] != current]
    oldest = min(told, key=lambda each: each.measured_at).software[package]
    return StaleRow(
        hardware_key=key,
        package=package,
        current=current or "",
        outdated=len(outdated),
        outcomes=len(told),
        oldest=oldest or "",
    )


def _judged(asked: AskedRecommendation, outcomes: Sequence[Outcome]) -> Judged:
    verdict, why = judge(asked, outcomes)
    words = {"confirmed": "ok", "refuted": "bad", "open": "open"}
    tone = badge(words[verdict])
    return Judged(
        asked=asked,
        basis=badge(asked.basis or "none"),
        verdict=verdict,
        badge=Badge(word=verdict, tone=tone.tone, sign=tone.sign),
        why=why,
    )


def _bases(judged: Sequence[Judged]) -> Iterable[BasisRow]:
    for basis in dict.fromkeys(each.asked.basis or "none" for each in judged):
        own = [each for each in judged if (each.asked.basis or "none") == basis]
        yield BasisRow(
            basis=basis,
            answers=len(own),
            confirmed=sum(each.verdict == "confirmed" for each in own),
            refuted=sum(each.verdict == "refuted" for each in own),
            mean_confidence=sum(each.asked.confidence for each in own) / len(own),
        )


def _bins(judged: Sequence[Judged]) -> Iterable[Bin]:
    """Return the answers that could be judged, by steps of 0.2 of their confidence."""
    told = [each for each in judged if each.verdict != "open"]
    for number in range(round(1 / _BIN)):
        own = [each for each in told if min(int(each.asked.confidence / _BIN), round(1 / _BIN) - 1) == number]
        if own:
            yield Bin(
                confidence=sum(each.asked.confidence for each in own) / len(own),
                answers=len(own),
                confirmed=sum(each.verdict == "confirmed" for each in own),
            )
