"""From predictions to a recommendation, where there is no trial.

Whether a model learns, or answers, as well in another precision is not predicted: only a trial tells. So a precision
whose numbers are known to go wrong is never the answer, and the confidence stays below what calibration has shown.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from autoprec_probe.support import Support
from autoprec_runner.prediction.prediction import Estimate, Prediction
from autoprec_runner.prediction.rates import RateBasis
from autoprec_runner.study import Constraints
from autoprec_runner.trial import Mode, Objective
from autoprec_service.formatting import duration, listed, percent, ratio, size
from autoprec_service.policy.risk import is_reference, numeric_risk
from autoprec_service.recommendation import Alternative, Ratio, Recommendation, Rejected

CONFIDENCE: dict[RateBasis, float] = {"measured": 0.5, "catalogue": 0.35, "estimated": 0.2}
"""The most that a prediction is trusted, by where the rates come from. `benchmarks/prediction.py` calibrates the first
on the machine that it runs on; the others have no measurement behind them, and none of them knows of stability."""
RISKY: dict[Mode, frozenset[str]] = {
    "train": frozenset({"bf16-true", "16-true"}),
    "inference": frozenset({"16-true"}),
}
"""What is not recommended without a trial: updates that half precision loses, and overflow, are common."""
_CLEARLY_LESS = 0.9
"""Which part of the reference's memory counts as clearly less: most of what is uncertain is common to both."""
_TOLD_SHARE = 0.05
"""From which share of the peak on a part of it is worth a word."""
_BASES: dict[RateBasis, str] = {
    "measured": "rates that were measured on this device",
    "catalogue": "the catalogue's peaks, of which real steps reach a part",
    "estimated": "what its instruction set allows, which is a rough guess",
}


@dataclass(frozen=True, kw_only=True)
class Setting:
    """What predictions were asked for."""

    objective: Objective
    constraints: Constraints
    mode: Mode
    hardware_key: str
    model_fingerprint: str
    memory_bytes: int | None
    """What the device has; None if it is not known."""

    @property
    def limit_bytes(self) -> int | None:
        """The most that a step may take."""
        given = (self.memory_bytes, self.constraints.max_memory_bytes)
        return min((each for each in given if each is not None), default=None)


def recommend_predicted(
    predictions: Sequence[Prediction], supports: Sequence[Support], setting: Setting
) -> Recommendation:
    """Return what follows from predictions; no precision where nothing does, and `reasons` say why.

    A candidate is recommended only if it runs natively, fits into memory at the upper end of what is predicted, is not
    risky, and is better than `32-true`, and than every safer candidate, also at the lower end. Otherwise `32-true` is,
    if it fits itself.

    Args:
        predictions: One for each candidate, the reference among them.
        supports: The verdicts on the same candidates in the same order.
        setting: Objective, constraints and machine.
    """
    judged = tuple(
        _Judged(prediction=prediction, support=support, setting=setting)
        for prediction, support in zip(predictions, supports, strict=True)
    )
    reference = next((each for each in judged if each.is_reference), None)
    pick = _pick(judged, reference, setting.objective)
    rest = [each for each in judged if each is not pick]
    return Recommendation(
        precision=pick.prediction.candidate.precision if pick else None,
        candidate=pick.prediction.candidate if pick else None,
        basis="predicted" if pick else None,
        confidence=_confidence(pick, judged) if pick else 0.0,
        objective=setting.objective,
        mode=setting.mode,
        hardware_key=setting.hardware_key,
        model_fingerprint=setting.model_fingerprint,
        study_id=None,
        speedup=_ratio(pick.prediction.speedup) if pick else None,
        memory_ratio=_memory_ratio(pick, reference) if pick else None,
        reasons=tuple(_reasons(pick, reference, setting)),
        alternatives=tuple(
            each.alternative(reference) for each in sorted(rest, key=_Judged.order) if each.rejection is None
        ),
        rejected=tuple(each.rejection for each in rest if each.rejection is not None),
    )


@dataclass(frozen=True, kw_only=True)
class _Judged:
    """One candidate with what is predicted of it and whether it may be recommended."""

    prediction: Prediction
    support: Support
    setting: Setting

    @property
    def name(self) -> str:
        return str(self.prediction.candidate)

    @property
    def is_reference(self) -> bool:
        return is_reference(self.prediction.candidate)

    @cached_property
    def rejection(self) -> Rejected | None:
        """Why it is out."""
        prediction, limit = self.prediction, self.setting.limit_bytes
        if not self.support.can_run:
            return self._rejected("unsupported", self.support.reason, self.support.remedy)
        peak = prediction.peak_memory_bytes
        if peak is not None and limit is not None and peak.value > limit:
            return self._rejected(
                "oom",
                f"It is predicted to take {size(peak.value)}; {size(limit)} are there.",
                "Use a smaller batch, or a device with more memory.",
            )
        if prediction.missing is not None:
            why = "" if self.support.level == "native" else f"{self.support.reason} "
            return self._rejected("unsupported", f"{why}{prediction.missing}", "Run a trial there: autoprec suggest.")
        return None

    @cached_property
    def doubt(self) -> str | None:
        """Why it may not be recommended, although it is not out."""
        peak, limit = self.prediction.peak_memory_bytes, self.setting.limit_bytes
        if self.support.level != "native":
            return f"not native: {self.support.reason.rstrip('.')}"
        if self.prediction.candidate.precision in RISKY[self.setting.mode]:
            return "its numbers often go wrong, and only a trial tells whether they do here"
        if peak is not None and limit is not None and peak.high > limit:
            return f"it may not fit: up to {size(peak.high)} of {size(limit)}"
        return None

    def risk(self) -> tuple[tuple[int, int], str]:
        """Return where it stands in numeric risk, the safest first."""
        return numeric_risk(self.prediction.candidate), self.name

    def order(self) -> tuple[float, tuple[int, int]]:
        """Return where it stands among alternatives, the fastest first."""
        speedup = self.prediction.speedup
        return (-speedup.value if speedup else 0.0), numeric_risk(self.prediction.candidate)

    def alternative(self, reference: "_Judged | None") -> Alternative:
        """Return it as one that was not chosen."""
        seconds = self.prediction.step_seconds
        time = "time unknown" if seconds is None else f"about {duration(seconds.value)} a step"
        slower = self.prediction.speedup is not None and self.prediction.speedup.high < 1
        no_gain = "slower than 32-true" if slower else "no gain beyond the uncertainty over what is recommended"
        why = self.doubt or no_gain
        return Alternative(
            candidate=self.prediction.candidate,
            speedup=_ratio(self.prediction.speedup),
            memory_ratio=_memory_ratio(self, reference),
            note=f"predicted {time}; {why}.",
            qualified=self.doubt is None,
        )

    def _rejected(self, status: str, reason: str, remedy: str | None) -> Rejected:
        return Rejected.model_validate(
            {"candidate": self.prediction.candidate, "status": status, "reason": reason, "remedy": remedy}
        )


_NOT_PREDICTED: dict[Objective, str] = {"energy": "Energy", "time-to-loss": "How fast a loss falls"}


def _pick(judged: Sequence[_Judged], reference: _Judged | None, objective: Objective) -> _Judged | None:
    """Return who is recommended: a riskier one only where it is better than the safer beyond the uncertainty."""
    if reference is None or objective in _NOT_PREDICTED:
        return None
    fit = [each for each in judged if each.rejection is None and each.doubt is None]
    pick = reference if reference in fit else None
    for each in sorted((one for one in fit if one is not reference), key=_Judged.risk):
        if _beats(each, pick or reference, objective):
            pick = each
    return pick


def _beats(one: _Judged, other: _Judged, objective: Objective) -> bool:
    """Return whether one candidate is better than another also at the lower end of what is predicted."""
    less = _memory_ratio(one, other)
    if objective == "memory":
        return less is not None and less < _CLEARLY_LESS
    ours, theirs = one.prediction.speedup, other.prediction.speedup
    if ours is None or theirs is None:
        return False
    faster = ours.low / theirs.value
    return faster > 1 if objective == "throughput" else less is not None and faster / less > 1


def _confidence(pick: _Judged, judged: Sequence[_Judged]) -> float:
    """Return the most that predictions are trusted, less where the nearest candidate is hard to tell from it."""
    most = CONFIDENCE[pick.prediction.basis]
    gain = pick.prediction.speedup
    others = [
        each.prediction.speedup for each in judged if each is not pick and each.doubt is None and not each.rejection
    ]
    if gain is None or not any(others):
        return most
    nearest = min(abs(gain.value / each.value - 1) for each in others if each)
    return round(most * (0.5 + 0.5 * min(1.0, nearest)), 3)


def _memory_ratio(one: _Judged, reference: _Judged | None) -> float | None:
    ours = one.prediction.peak_memory_bytes
    theirs = reference.prediction.peak_memory_bytes if reference else None
    return None if ours is None or theirs is None or not theirs.value else ours.value / theirs.value


def _ratio(estimate: Estimate | None) -> Ratio | None:
    return None if estimate is None else Ratio(value=estimate.value, low=estimate.low, high=estimate.high)


def _reasons(pick: _Judged | None, reference: _Judged | None, setting: Setting) -> Iterator[str]:
    if pick is None:
        yield from _refusals(reference, setting)
        return
    yield _time(pick)
    yield from _memory(pick, reference)
    yield f"Nothing was run: this rests on {_BASES[pick.prediction.basis]}."
    subject = "trains" if setting.mode == "train" else "answers"
    if not pick.is_reference:
        yield f"Whether the model {subject} as well as in fp32 is not verified; only a trial tells."
    yield f"To verify it, run `autoprec suggest` with this workload on {setting.hardware_key}."


def _time(pick: _Judged) -> str:
    seconds, speedup = pick.prediction.step_seconds, pick.prediction.speedup
    assert seconds is not None, "what has no time is rejected"
    time = f"{pick.name} is predicted to take about {duration(seconds.value)} a step"
    if pick.is_reference or speedup is None:
        return f"{time}; no other precision is predicted to be better beyond the uncertainty."
    return (
        f"{time}, {ratio(speedup.value)} times as fast as 32-true (between {ratio(speedup.low)} and "
        f"{ratio(speedup.high)})."
    )


def _memory(pick: _Judged, reference: _Judged | None) -> Iterator[str]:
    peak, parts = pick.prediction.peak_memory_bytes, pick.prediction.memory_parts
    if peak is None or parts is None:
        return
    held = [f"{size(number)} {name}" for name, number in dict(parts).items() if number >= _TOLD_SHARE * peak.value]
    share = _memory_ratio(pick, reference)
    compared = "" if share is None or pick.is_reference else f", {percent(share)} of 32-true's"
    yield f"Its peak memory is predicted at {size(peak.value)}{compared}: {listed(held)}."


def _refusals(reference: _Judged | None, setting: Setting) -> Iterator[str]:
    if what := _NOT_PREDICTED.get(setting.objective):
        yield f"{what} is not predicted. Ask for another objective: throughput, memory or balanced."
    elif reference is None:
        yield "32-true is not among the candidates, so that nothing can be compared with it."
    else:
        why = reference.rejection.reason if reference.rejection else f"32-true: {reference.doubt}."
        yield f"32-true itself cannot be recommended from predictions, and nothing else is clearly better. {why}"
    yield f"To find out, run `autoprec suggest` with this workload on {setting.hardware_key}."
