"""What is to be expected of one candidate, from the models near the one that is asked about: weighted neighbours."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate

from autoprec_probe.candidate import Candidate
from autoprec_service.advice.witness import STALE, Witness
from autoprec_service.policy.scores import NOISE
from autoprec_service.recommendation import Ratio

NEAR = 0.7
"""Up to which distance a model's failure is taken for one's own."""
_PRIOR = 0.5
"""What is added to both sides of a rate: with nothing seen it is one half."""
_SPREAD = 0.35
"""By how much a speed-up, as a logarithm, differs between models at a distance of 1; `benchmarks/transfer.py` tells."""
_QUANTILES = (0.05, 0.5, 0.95)


@dataclass(frozen=True, kw_only=True)
class Voice:
    """A witness together with how far its model is from the one that is asked about."""

    witness: Witness
    model_distance: float

    @cached_property
    def stability_distance(self) -> float:
        """How far away it is as far as stability is concerned."""
        return self.model_distance + self.witness.stability_apart

    @cached_property
    def stability_weight(self) -> float:
        """What it counts for stability: 1 at no distance, a half at 0.6, and 0.14 at 1."""
        return self._freshness * math.exp(-2 * self.stability_distance**2)

    @cached_property
    def speed_weight(self) -> float:
        """What it counts for speed."""
        return self._freshness * math.exp(-2 * (self.model_distance + self.witness.speed_apart) ** 2)

    @property
    def _freshness(self) -> float:
        return 1.0 if self.witness.fresh else STALE


@dataclass(frozen=True, kw_only=True)
class Expectation:
    """One candidate and who speaks of it."""

    candidate: Candidate
    voices: tuple[Voice, ...]

    @cached_property
    def stable_weight(self) -> float:
        """How much speaks for its numbers."""
        return math.fsum(each.stability_weight for each in self.voices if each.witness.stable is True)

    @cached_property
    def unstable_weight(self) -> float:
        """How much speaks against its numbers."""
        return math.fsum(each.stability_weight for each in self.voices if each.witness.stable is False)

    @cached_property
    def stable_rate(self) -> float:
        """How likely its numbers hold."""
        return (self.stable_weight + _PRIOR) / (self.stable_weight + self.unstable_weight + 2 * _PRIOR)

    @cached_property
    def near_failure(self) -> Voice | None:
        """The nearest model on which its numbers went wrong, if that is near: however many others it went well on."""
        failed = [each for each in self.voices if each.witness.stable is False and each.stability_distance <= NEAR]
        return min(failed, key=_nearness, default=None)

    @cached_property
    def near_breakdown(self) -> Voice | None:
        """The nearest model with which it did not run at all on hardware as good as the same, if that is near."""
        broken = [each for each in self.voices if each.witness.broken and each.model_distance <= NEAR]
        return min(broken, key=_nearness, default=None)

    @cached_property
    def timed(self) -> tuple[Voice, ...]:
        """Who tells of its speed."""
        return tuple(each for each in self.voices if each.witness.log_speedup is not None and each.speed_weight > 0)

    @cached_property
    def speed_weight(self) -> float:
        """How much is known of its speed."""
        return math.fsum(each.speed_weight for each in self.timed)

    @cached_property
    def speedup(self) -> Ratio | None:
        """Its speed over that of `32-true`: the weighted median, and the range in which nine of ten are expected."""
        if not self.timed:
            return None
        values = [each.witness.log_speedup or 0.0 for each in self.timed]
        low, middle, high = weighted_quantiles(values, [each.speed_weight for each in self.timed], _QUANTILES)
        margin = _SPREAD / math.sqrt(self.speed_weight) if self.speed_weight else math.inf
        margin = min(margin, _SPREAD * 4)
        return Ratio(value=math.exp(middle), low=math.exp(low - margin), high=math.exp(high + margin))

    @cached_property
    def faster_rate(self) -> float:
        """How likely it is faster than `32-true` by more than the noise."""
        limit = math.log(NOISE)
        faster = math.fsum(each.speed_weight for each in self.timed if (each.witness.log_speedup or 0.0) > limit)
        return (faster + _PRIOR) / (self.speed_weight + 2 * _PRIOR)

    @cached_property
    def memory_ratio(self) -> float | None:
        """Its peak memory over that of `32-true`: the weighted median."""
        weighed = [each for each in self.voices if each.witness.memory_ratio is not None and each.speed_weight > 0]
        if not weighed:
            return None
        ratios = [each.witness.memory_ratio or 0.0 for each in weighed]
        return weighted_quantiles(ratios, [each.speed_weight for each in weighed], [0.5])[0]

    @property
    def evidence(self) -> tuple[str, ...]:
        """Ids of the trials behind it, the nearest model's first."""
        return tuple(dict.fromkeys(name for each in self.voices for name in each.witness.evidence))


def expectations(voices: Sequence[Voice]) -> tuple[Expectation, ...]:
    """Return what is to be expected of every candidate that somebody speaks of, whatever the order of the voices."""
    groups: dict[Candidate, list[Voice]] = {}
    for each in sorted(voices, key=_nearness):
        groups.setdefault(each.witness.candidate, []).append(each)
    return tuple(Expectation(candidate=candidate, voices=tuple(group)) for candidate, group in groups.items())


def weighted_quantiles(values: Sequence[float], weights: Sequence[float], shares: Sequence[float]) -> list[float]:
    """Return the smallest value that has each share of the weight at or below it."""
    pairs = sorted(zip(values, weights, strict=True))
    reached = list(accumulate(weight for _, weight in pairs))
    found = (next((at for at, seen in enumerate(reached) if seen >= share * reached[-1]), -1) for share in shares)
    return [pairs[at][0] for at in found]


def _nearness(voice: Voice) -> tuple[float, str, str]:
    return voice.model_distance, voice.witness.model_fingerprint, str(voice.witness.candidate)
