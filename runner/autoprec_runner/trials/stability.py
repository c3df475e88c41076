"""The verdict on a candidate's numerics, from its evidence beside that of the fp32 reference (free of torch).

A training run is judged by its losses on the seed and batches of the reference. Two statistics are taken over the
compared steps, both from the second half (the *tail*) of the trajectory:

- the *loss gap*: how far the tail's mean lies above the reference's, relative to the reference's tail; where more than
  50 steps are compared, that of the last quarter if it is larger, because what adds up slowly shows late;
- the *progress*: how far the loss fell from its start to the tail, as a share of the reference's fall.

The yardstick is a second fp32 run whose weights carry relative noise of 2^-9, the unit roundoff of bf16: a difference
that such noise makes by itself is no fault of a candidate. Its tail is looked at in five windows, of which the one that
differs most counts, because a single mean may agree by chance. Where steps draw random numbers (dropout), a third run
draws others, and the larger of both differences counts. The gap may reach the user's tolerance or three times the
yardstick's, whichever is larger; but a yardstick never excuses a gap of more than half the loss. Progress is judged
where the reference made any beyond its own noise. Of a longer trajectory, the first 50 steps are judged by themselves,
too: a model that has learnt its few batches by heart scatters so much that a fault would be excused.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from autoprec_runner.quantities import figure, percent
from autoprec_runner.trial import Stability
from autoprec_runner.trials.checks import checks, memory_growth
from autoprec_runner.trials.evidence import Evidence

TRAIN_TOLERANCE = 0.05
INFERENCE_TOLERANCE = 0.02
METRIC_TOLERANCE = 0.01
YARDSTICKS = 3.0
_WINDOWS = 5
MOST_EXCUSED = 0.5
"""A reference that scatters more than this does not make any candidate acceptable."""
MOST_SKIPPED = 0.5
"""A candidate whose gradient scaler skips more than this share of its optimizer steps does not learn."""
LEAST_PROGRESS = 0.5
"""A candidate must make at least this share of the reference's progress."""
FEWEST_STEPS, EARLY_STEPS = 4, 50
_CLEAR_PROGRESS = 4.0
FP16_MAX = 65504.0
"""The largest number of fp16."""


def unstable_already(evidence: Evidence, reference: Evidence | None) -> Stability | None:
    """Return the verdict for what is wrong whatever the trajectory: numbers that are not finite. None if all are."""
    overflowed = _overflowed_modules(evidence, reference)
    step = evidence.first_nonfinite_step
    if step is None and not evidence.nonfinite_parameters and not overflowed:
        return None
    if evidence.nonfinite_parameters and step != 0:
        sentence = _spoilt_parameters(evidence)
        overflowed = []
    elif step is not None:
        sentence = f"Its loss was not finite from step {step + 1} on"
    else:
        sentence = f"Activations were not finite within the first {evidence.steps} steps though the loss was"
    hint = _overflow_hint(overflowed, reference) or _range_hint(evidence, reference)
    return Stability(
        verdict="unstable",
        sentence=f"{sentence}{_blame(overflowed)}.{hint}",
        steps=evidence.steps,
        first_nonfinite_module=overflowed[0] if overflowed else None,
        first_nonfinite_step=step,
        skipped_steps=evidence.skipped_steps,
        headroom_bits=evidence.activations.headroom_bits,
    )


def _spoilt_parameters(evidence: Evidence) -> str:
    """Say that weights went bad though activations had not; Adam's eps is the usual reason (Lightning issue 20619)."""
    shown = ", ".join(f"`{name}`" for name in evidence.nonfinite_parameters[:2])
    more = len(evidence.nonfinite_parameters) - 2
    rest = f" and {more} more" if more > 0 else ""
    sentence = f"Its parameters were not finite after the first steps: {shown}{rest}"
    if evidence.underflowing_eps is not None:
        sentence += f"; the optimizer's eps of {evidence.underflowing_eps:g} is 0 in their dtype"
    return sentence


def train_verdict(
    evidence: Evidence,
    reference: Evidence,
    yardsticks: Sequence[Evidence],
    *,
    tolerance: float | None,
) -> Stability:
    """Judge a training run by its losses; see the module's docstring for the statistics."""
    if bad := unstable_already(evidence, reference):
        return bad
    steps = min(len(each.losses) for each in (evidence, reference, *yardsticks))
    if steps < FEWEST_STEPS:
        return _unjudged(evidence, f"Only {steps} steps could be compared with the fp32 reference.", steps)
    accepted = TRAIN_TOLERANCE if tolerance is None else tolerance
    horizons = sorted({min(EARLY_STEPS, steps), steps})
    beside = [_beside(evidence, reference, yardsticks, each, accepted) for each in horizons]
    told = next((each for each in beside if each.fault), beside[-1])
    looked_at = checks(evidence, reference)
    fault = told.fault or next((each.sentence for each in looked_at if each.verdict == "bad"), None)
    return Stability(
        verdict="unstable" if fault else "stable",
        sentence=fault or told.sentence,
        steps=steps,
        deviation=told.gap,
        allowed=told.allowed,
        skipped_steps=evidence.skipped_steps,
        headroom_bits=evidence.activations.headroom_bits,
        checks=looked_at,
    )


@dataclass(frozen=True, kw_only=True)
class _Beside:
    """The losses of a run beside the reference's, up to some step."""

    gap: float
    allowed: float
    fault: str | None
    """What is wrong, in a sentence."""
    sentence: str
    """The same where nothing is wrong."""


def _beside(
    evidence: Evidence, reference: Evidence, yardsticks: Sequence[Evidence], steps: int, accepted: float
) -> _Beside:
    ours, true = evidence.losses[:steps], reference.losses[:steps]
    noise = max((_noise(each.losses[:steps], true) for each in yardsticks), default=0.0)
    gap, allowed = _gap(ours, true), max(accepted, min(YARDSTICKS * noise, MOST_EXCUSED))
    compared = f"the fp32 reference over {steps} steps; {percent(allowed)} is allowed."
    fault = _not_learning(evidence, ours, true, noise)
    if not fault and not gap <= allowed:
        fault = f"Its loss lay {percent(gap)} above {compared}"
    relation = f"within {percent(gap)} of" if gap > 0 else "at or below"
    return _Beside(gap=gap, allowed=allowed, fault=fault, sentence=f"Its loss stayed {relation} {compared}")


def inference_verdict(
    evidence: Evidence,
    comparison: Mapping[str, Any],
    *,
    tolerance: float | None,
    reference: Evidence | None = None,
) -> Stability:
    """Judge an inference run by the relative L2 error of its outputs against the fp32 reference's."""
    if not comparison["tensors"]:
        sentence = "Its outputs hold no floating tensors that could be compared with the fp32 reference's."
        return _unjudged(evidence, sentence, int(comparison["batches"]))
    error = float(comparison["relative_error"])
    allowed = tolerance if tolerance is not None else INFERENCE_TOLERANCE
    good = error <= allowed and math.isfinite(error)
    agreement = comparison["top1_agreement"]
    top1 = "" if agreement is None else f" Its top-1 choice agreed in {percent(agreement)} of cases."
    relation = "within the allowed" if good else "above the allowed"
    sentence = f"Its outputs differ from fp32 by {percent(error)} (relative L2), {relation} {percent(allowed)}.{top1}"
    if math.isinf(error):
        sentence = "Its outputs are not finite where those of fp32 are."
    return Stability(
        verdict="stable" if good else "unstable",
        sentence=sentence,
        steps=int(comparison["batches"]),
        deviation=error,
        allowed=allowed,
        headroom_bits=evidence.activations.headroom_bits,
        checks=tuple(each for each in (memory_growth(evidence, reference),) if each),
    )


def metric_verdict(
    stability: Stability,
    value: float,
    reference: float,
    *,
    noise: float,
    tolerance: float | None,
) -> Stability:
    """Judge by the user's own metric, which may differ from that of fp32 by the tolerance, whichever way is better.

    `noise` is how far the metric of the perturbed reference is from that of the reference, NaN where there is none; as
    for losses, three times as much is no fault of a candidate, and more than half is never excused.
    """
    scale = max(abs(reference), float(np.finfo(np.float32).tiny))
    allowed = tolerance if tolerance is not None else METRIC_TOLERANCE
    if math.isfinite(noise):
        allowed = max(allowed, min(YARDSTICKS * noise / scale, MOST_EXCUSED))
    deviation = abs(value - reference) / scale
    good = deviation <= allowed  # False for NaN
    figures = f"Its metric is {value:.6g} against {reference:.6g} in fp32"
    return stability.model_copy(
        update={
            "verdict": "stable" if good else "unstable",
            "sentence": f"{figures}: {percent(deviation)} apart; {percent(allowed)} is allowed.",
            "deviation": deviation,
            "allowed": allowed,
        },
    )


def reference_verdict(evidence: Evidence, *, told: str = "It is the fp32 reference", numbers: bool = True) -> Stability:
    """Judge what nothing can be compared with: it is right as long as its losses are finite and its outputs `numbers`.

    That holds for the reference, and for fp64 where the reference is unstable; `told` says which.
    """
    if bad := unstable_already(evidence, None):
        return bad
    modules = evidence.activations.nonfinite
    sound = f"{told}; its numbers stayed finite over {evidence.steps} steps."
    return Stability(
        verdict="stable" if numbers else "unstable",
        sentence=sound if numbers else f"Its outputs hold NaN{_blame(modules)}.",
        steps=evidence.steps,
        deviation=0.0 if numbers else None,
        first_nonfinite_module=None if numbers else next(iter(modules), None),
        headroom_bits=evidence.activations.headroom_bits,
    )


def fp16_warning(reference: Evidence) -> str:
    """Return a sentence naming the module whose fp32 activations do not fit into fp16, or nothing if all do."""
    name, peak = max(reference.activations.largest.items(), key=lambda item: item[1], default=("", 0.0))
    if peak <= FP16_MAX:
        return ""
    return f" In fp32 `{name}` put out {figure(peak)}, beyond the 65,504 that fp16 can hold."


def _range_hint(evidence: Evidence, reference: Evidence | None) -> str:
    """Return the warning of `fp16_warning` for a run in fp16: overflow may be one reason of several."""
    compute = evidence.effective_dtypes.compute if evidence.effective_dtypes else ""
    return fp16_warning(reference) if reference and "float16" in compute.replace("bfloat16", "") else ""


def _blame(modules: Sequence[str]) -> str:
    return f"; the first module to put out inf or NaN was `{modules[0]}`" if modules else ""


def _overflow_hint(overflowed: Sequence[str], reference: Evidence | None) -> str:
    if not overflowed or reference is None:
        return ""
    peak = reference.activations.largest.get(overflowed[0])
    return "" if peak is None else f" In fp32 its largest activation is {figure(peak)}."


def _overflowed_modules(evidence: Evidence, reference: Evidence | None) -> list[str]:
    """Return the modules that put out inf or NaN where the reference did not (a mask of -inf is not an overflow)."""
    accepted = set(reference.activations.nonfinite) if reference else set()
    if reference is None and evidence.first_nonfinite_step is None:
        return []
    return [name for name in evidence.activations.nonfinite if name not in accepted]


def _gap(losses: Sequence[float], reference: Sequence[float]) -> float:
    gap = _relative(_tail(losses), _tail(reference))
    if len(losses) <= EARLY_STEPS:
        return gap
    last = len(losses) // 4
    return max(gap, _relative(_tail(losses, last), _tail(reference, last)))


def _noise(yardstick: Sequence[float], reference: Sequence[float]) -> float:
    """Return the largest gap of the yardstick itself in a window of the tail; what is not finite excuses nothing."""
    pairs = zip(_windows(yardstick), _windows(reference), strict=True)
    gaps = [abs(_relative(float(np.mean(ours)), float(np.mean(true)))) for ours, true in pairs]
    return max((gap for gap in gaps if math.isfinite(gap)), default=0.0)


def _windows(losses: Sequence[float]) -> list[Any]:
    tail = losses[len(losses) // 2 :]
    return np.array_split(tail, min(_WINDOWS, len(tail)))


def _relative(ours: float, true: float) -> float:
    return (ours - true) / max(abs(true), float(np.finfo(np.float32).tiny))


def _tail(losses: Sequence[float], steps: int | None = None) -> float:
    """Return the mean of so many last losses, or of the second half."""
    return float(np.mean(losses[len(losses) // 2 if steps is None else -steps :]))


def _not_learning(evidence: Evidence, losses: Sequence[float], reference: Sequence[float], noise: float) -> str | None:
    if evidence.skipped_steps > MOST_SKIPPED * evidence.steps:
        return f"Its gradient scaler skipped {evidence.skipped_steps} of {evidence.steps} steps."
    progress = _clear_progress(reference, noise)
    if progress is None:
        return None
    start = _start(losses)
    share, best = (start - _tail(losses)) / progress, (start - min(losses)) / progress
    if share >= LEAST_PROGRESS:
        return None
    how = "learning stalls" if best < LEAST_PROGRESS else "it diverges"
    return f"Its loss made {percent(share)} of the reference's progress in {len(losses)} steps: {how}."


def _clear_progress(reference: Sequence[float], noise: float) -> float | None:
    """Return how far the reference's loss fell, None where that cannot be told from its noise."""
    start, tail = _start(reference), _tail(reference)
    progress = start - tail
    half = len(reference) // 2
    scatter = float(np.std(reference[half:])) / max(1.0, len(reference[half:]) ** 0.5)
    return progress if progress > _CLEAR_PROGRESS * max(scatter, noise * abs(tail)) else None


def _start(losses: Sequence[float]) -> float:
    return float(np.mean(losses[:2]))


def _unjudged(evidence: Evidence, sentence: str, steps: int) -> Stability:
    return Stability(
        verdict="unjudged",
        sentence=sentence,
        steps=steps,
        skipped_steps=evidence.skipped_steps,
        headroom_bits=evidence.activations.headroom_bits,
    )
