"""From what happened to near models on near hardware to a recommendation, where this model was not measured there.

Stability is not guaranteed by neighbours, so that one failure nearby outweighs any number of successes; and who is not
much faster than a safer candidate is not worth its risk.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from autoprec_probe.candidate import Candidate
from autoprec_probe.support import Support
from autoprec_runner.trial import TrialStatus
from autoprec_service.advice.expectation import Expectation, Voice
from autoprec_service.advice.need import Need
from autoprec_service.formatting import counted, percent, ratio, size
from autoprec_service.policy.predicted import RISKY, Setting
from autoprec_service.policy.risk import is_reference, numeric_risk
from autoprec_service.recommendation import Alternative, Recommendation, Rejected

_ENOUGH = 0.5
"""How much has to be known of a candidate: one model at a distance of 0.6, or two at 0.8."""
_STABLE_RATE, _STABLE_RATE_RISKY = 0.7, 0.85
"""How likely it must be that numbers hold: more for precisions whose numbers often go wrong (`RISKY`)."""
_FASTER_RATE = 0.65
"""How likely it must be that it is faster than `32-true`."""
_WORTH = 1.05
"""By which factor a riskier candidate has to be better than a safer one."""
_TOLD_VOICES = 3


@dataclass(frozen=True, kw_only=True)
class Prospect:
    """A candidate with what is expected of it, what the probe says of it, and what it needs."""

    expectation: Expectation
    support: Support | None
    """None where nobody can tell whether it runs there."""
    need: Need
    warning: str | None = None
    """What the doctor says against it, seriously, for this very model."""

    @property
    def candidate(self) -> Candidate:
        """The candidate."""
        return self.expectation.candidate


def recommend_transferred(
    prospects: Sequence[Prospect], setting: Setting, *, names: Mapping[str, str] | None = None
) -> Recommendation:
    """Return what near models suggest; no precision where they are too few, too far or speak against it.

    A candidate is recommended only if it runs natively, fits, never failed on a near model, held on enough of them, and
    was faster there by more than the noise. Its confidence is a score that is still to be calibrated.

    Args:
        prospects: One for each candidate that somebody speaks of.
        setting: Objective, constraints and machine.
        names: What sentences call the models, by fingerprint.
    """
    field = _Field(prospects=tuple(prospects), setting=setting, names=names or {})
    pick = field.pick
    rest = [each for each in field.judged if each is not pick]
    return Recommendation(
        precision=pick.candidate.precision if pick else None,
        candidate=pick.candidate if pick else None,
        basis="transferred" if pick else None,
        confidence=field.score if pick else 0.0,
        objective=setting.objective,
        mode=setting.mode,
        hardware_key=setting.hardware_key,
        model_fingerprint=setting.model_fingerprint,
        study_id=None,
        speedup=pick.expectation.speedup if pick else None,
        memory_ratio=pick.expectation.memory_ratio if pick else None,
        reasons=tuple(field.reasons()),
        alternatives=tuple(each.alternative() for each in rest if each.rejection is None),
        rejected=tuple(each.rejection for each in rest if each.rejection is not None),
        evidence=pick.expectation.evidence if pick else (),
    )


@dataclass(frozen=True, kw_only=True, eq=False)
class _Judged:
    """One prospect and whether it may be recommended."""

    prospect: Prospect
    setting: Setting
    names: Mapping[str, str]

    @property
    def candidate(self) -> Candidate:
        return self.prospect.candidate

    @property
    def expectation(self) -> Expectation:
        return self.prospect.expectation

    @property
    def name(self) -> str:
        return str(self.candidate)

    @property
    def is_reference(self) -> bool:
        return is_reference(self.candidate)

    @cached_property
    def rejection(self) -> Rejected | None:
        """Why it is out."""
        support, failure = self.prospect.support, self.expectation.near_failure
        if support is not None and not support.can_run:
            return self._rejected("unsupported", support.reason, support.remedy)
        if failure is not None:
            where = self._named(failure)
            return self._rejected("unstable", f"Its numbers went wrong with {where}.", "Run a trial: autoprec suggest.")
        if self.prospect.warning is not None:
            return self._rejected("unstable", self.prospect.warning, "Run a trial: autoprec suggest.")
        if broken := self.expectation.near_breakdown:
            return self._rejected(broken.witness.broken or "error", f"It did not run with {self._named(broken)}.", None)
        return self._too_large()

    @cached_property
    def doubt(self) -> str | None:
        """Why it may not be recommended, although it is not out."""
        return self._doubt_of_running() or self._doubt_of_numbers()

    def _doubt_of_running(self) -> str | None:
        support, expected = self.prospect.support, self.expectation
        if self.candidate.emulate:
            return "emulated numerics, tried for stability only"
        if support is None and not any(each.witness.speed_apart == 0 for each in expected.voices):
            return "whether it runs on this hardware is not known"
        if support is not None and support.level != "native":
            return f"not native: {support.reason.rstrip('.')}"
        if (most := self.prospect.need.most) is not None and (limit := self.setting.limit_bytes) and most > limit:
            return f"it may not fit: up to {size(most)} of {size(limit)}"
        return None

    def _doubt_of_numbers(self) -> str | None:
        expected = self.expectation
        if expected.stable_weight < _ENOUGH and not self.is_reference:
            return "its numbers were verified on too few near models"
        risky = self.candidate.precision in RISKY[self.setting.mode]
        if expected.stable_rate < (_STABLE_RATE_RISKY if risky else _STABLE_RATE):
            return f"that its numbers hold is expected at {percent(expected.stable_rate)} only"
        return None

    @cached_property
    def gain(self) -> float | None:
        """How much better than `32-true` it is expected to be under the objective; None where nothing tells."""
        if self.is_reference:
            return 1.0
        speedup, memory = self.expectation.speedup, self.expectation.memory_ratio
        if self.setting.objective == "memory":
            return 1 / memory if memory else None
        if speedup is None or self.expectation.speed_weight < _ENOUGH:
            return None
        if self.setting.objective == "throughput":
            return speedup.value if self.expectation.faster_rate >= _FASTER_RATE else None
        return speedup.value / memory if memory else None

    def order(self) -> tuple[float, tuple[int, int], str]:
        return -(self.gain or 0.0), numeric_risk(self.candidate), self.name

    def alternative(self) -> Alternative:
        """Return it as one that was not chosen."""
        told = self.doubt or ("no clear gain over what is recommended" if self.gain else "no clear gain over 32-true")
        return Alternative(
            candidate=self.candidate,
            speedup=self.expectation.speedup,
            memory_ratio=self.expectation.memory_ratio,
            note=f"from {counted(len(self.expectation.voices), 'near model')}: {told}.",
            qualified=self.doubt is None,
        )

    def _too_large(self) -> Rejected | None:
        need, limit = self.prospect.need, self.setting.limit_bytes
        if limit is None:
            return None
        taken = need.likely if need.likely is not None else need.least
        remedy = "Use a smaller batch, or a device with more memory."
        if taken > limit:
            return self._rejected("oom", f"It takes about {size(taken)}; {size(limit)} are there.", remedy)
        if need.likely is None and self.setting.constraints.max_memory_bytes is not None:
            reason = f"Its peak memory is not known, so it cannot be shown to stay within max_memory ({size(limit)})."
            return self._rejected("oom", reason, "Send a description of the model: autoprec.describe(model, batch).")
        return None

    def _named(self, voice: Voice) -> str:
        fingerprint = voice.witness.model_fingerprint
        if voice.model_distance == 0 and fingerprint == self.setting.model_fingerprint:
            return "this model on other hardware"
        name = self.names.get(fingerprint, fingerprint)
        return f"{name!r}, a model at a distance of {voice.model_distance:.2f}"

    def _rejected(self, status: TrialStatus, reason: str, remedy: str | None) -> Rejected:
        return Rejected(candidate=self.candidate, status=status, reason=reason, remedy=remedy)


@dataclass(frozen=True, kw_only=True, eq=False)
class _Field:
    """All prospects, and who wins."""

    prospects: tuple[Prospect, ...]
    setting: Setting
    names: Mapping[str, str]

    @cached_property
    def judged(self) -> tuple[_Judged, ...]:
        found = [_Judged(prospect=each, setting=self.setting, names=self.names) for each in self.prospects]
        return tuple(sorted(found, key=_Judged.order))

    @cached_property
    def reference(self) -> _Judged | None:
        return next((each for each in self.judged if each.is_reference), None)

    @cached_property
    def pick(self) -> _Judged | None:
        """Who is recommended: a riskier one only where it is clearly better than the safer."""
        reference = self.reference
        if reference is None or self.setting.objective in {"energy", "time-to-loss"} or self._is_lost(reference):
            return None
        fit = [each for each in self.judged if each.rejection is None and each.doubt is None]
        pick = reference if reference in fit else None
        for each in sorted((one for one in fit if one is not reference), key=lambda one: (*_risk(one),)):
            beaten = (pick.gain if pick else 1.0) or 1.0
            if each.gain is not None and each.gain > _WORTH * beaten:
                pick = each
        return pick

    @cached_property
    def score(self) -> float:
        """How much speaks for the pick, from 0 to 1: its numbers hold, it is faster, and enough is known of it."""
        pick = self.pick
        assert pick is not None, "only a pick has a score"
        expected = pick.expectation
        if pick.is_reference:
            others = [each for each in self.judged if not each.is_reference and each.rejection is None]
            rivals = [each.expectation.stable_rate * each.expectation.faster_rate for each in others]
            known = expected.speed_weight
            return round(expected.stable_rate * (1 - max(rivals, default=0.0)) * known / (known + 1), 4)
        known = min(expected.stable_weight, expected.speed_weight)
        likely = expected.stable_rate * expected.faster_rate
        if self.setting.objective == "memory":
            known, likely = expected.stable_weight, expected.stable_rate
        return round(likely * known / (known + 1), 4)

    def reasons(self) -> Iterator[str]:
        """Say why, the most important first."""
        if self.pick is None:
            yield from self._refusals()
            return
        expected = self.pick.expectation
        yield self._gain(self.pick)
        told = [self.pick._named(each) for each in expected.voices]  # noqa: SLF001 (one module)
        more = f" and {len(told) - _TOLD_VOICES} farther away" if len(told) > _TOLD_VOICES else ""
        yield f"It rests on what was measured of {'; '.join(told[:_TOLD_VOICES])}{more}."
        if not self.pick.is_reference:
            held = sum(each.witness.stable is True for each in expected.voices)
            judged = sum(each.witness.stable is not None for each in expected.voices)
            yield f"Its numbers held on {held} of the {judged} of them that were judged; this model was not tried."
        if any(not each.witness.fresh for each in expected.voices):
            yield "Some of them were measured under other versions of the software, and count half."

    def _gain(self, pick: _Judged) -> str:
        speedup = pick.expectation.speedup
        if pick.is_reference:
            return "32-true: no other candidate is clearly better on near models, beyond what is uncertain."
        if speedup is None:
            share = pick.expectation.memory_ratio
            return f"{pick.name} took {percent(share or 1.0)} of the memory of 32-true on near models."
        return (
            f"{pick.name} is expected to be {ratio(speedup.value)} times as fast as 32-true (between "
            f"{ratio(speedup.low)} and {ratio(speedup.high)}), as it was on near models."
        )

    def _is_lost(self, reference: _Judged) -> bool:
        expected = reference.expectation
        return expected.near_failure is not None or expected.speed_weight < _ENOUGH

    def _refusals(self) -> Iterator[str]:
        reference, other = self.reference, ", and was measured on other hardware"
        if self.setting.objective in {"energy", "time-to-loss"}:
            yield f"What near models say of the objective {self.setting.objective!r} is not kept."
        elif reference is None:
            yield "No model near enough was measured on hardware near enough."
        elif failure := reference.expectation.near_failure:
            yield f"32-true itself went wrong with {reference._named(failure)}."  # noqa: SLF001 (one module)
        elif self._is_lost(reference):
            nearest = min(each.model_distance for each in reference.expectation.voices)
            here = "" if any(each.witness.speed_apart == 0 for each in reference.expectation.voices) else other
            yield f"The models that were measured are too few or too far away: the nearest is at {nearest:.2f}{here}."
        else:
            why = reference.rejection.reason if reference.rejection else f"32-true: {reference.doubt}."
            yield f"Nothing that near models speak for can be recommended. {why}"


def _risk(judged: _Judged) -> tuple[tuple[int, int], str]:
    return numeric_risk(judged.candidate), judged.name
