"""What the steps of a run show beside its losses or outputs, each as a number with its bound (free of torch).

==================  ================================================================  =================================
id                  number                                                            bound
==================  ================================================================  =================================
gradient-direction  cosine of the first step's gradients to those of the fp32         below 0.9 is a warning
                    reference, on equal weights and the same batch
gradient-underflow  share of the reference's non-zero gradients that are zero         above 5 % is a warning
lost-updates        share of the gradient's size on weights that a step leaves as     above 10 % is a warning; above
                    they were, the mean over steps, beyond that of the reference      half, it is bad
skipped-steps       share of steps that the gradient scaler skipped                   above 10 % is a warning
loss-scale          the smallest loss scale                                           below 1 is a warning
headroom            factors of two between the largest activation and the largest     below 2 is a warning
                    number of its dtype, in the module where it is tightest
resume              whether steps after loading a checkpoint are the same as before   a difference that the reference
                                                                                      does not show is a warning
memory-slope        bytes by which the memory held grows from step to step            growth in every quarter of the run
                                                                                      by more than 16 KiB and 0.1 % of
                                                                                      what was held before it, a step,
                                                                                      is a warning
==================  ================================================================  =================================

Only lost updates make a candidate unstable by themselves: a model most of whose updates round to nothing does not
learn, though its losses may show that only after thousands of steps (torchtune issue 2254). Everything else shows in
the losses where it does harm. Where dropout draws other numbers in another dtype, gradients differ for that alone.
"""

from collections.abc import Callable
from statistics import fmean
from typing import Literal

from autoprec_runner.quantities import figure, percent, size
from autoprec_runner.trial import Check
from autoprec_runner.trials.evidence import Evidence
from autoprec_runner.trials.slope import memory_slope

LEAST_COSINE = 0.9
MOST_UNDERFLOW = 0.05
SOME_LOST, MOST_LOST = 0.1, 0.5
SOME_SKIPPED = 0.1
LEAST_SCALE = 1.0
LEAST_HEADROOM_BITS = 2.0
GROWTH_BYTES, GROWTH_SHARE = 2**14, 1e-3


def checks(evidence: Evidence, reference: Evidence | None) -> tuple[Check, ...]:
    """Return what could be looked at, in the order of the table above."""
    found = (each(evidence, reference) for each in _CHECKS)
    return tuple(each for each in found if each is not None)


def _gradient_direction(evidence: Evidence, _: Evidence | None) -> Check | None:
    cosine = evidence.gradient_cosine
    if cosine is None:
        return None
    why = " Its steps draw random numbers, which may differ." if evidence.is_random and cosine < LEAST_COSINE else ""
    return Check(
        id="gradient-direction",
        verdict="good" if cosine >= LEAST_COSINE else "warning",
        value=cosine,
        limit=LEAST_COSINE,
        sentence=f"The gradients of its first step have a cosine of {cosine:.5f} to those of fp32.{why}",
    )


def _gradient_underflow(evidence: Evidence, _: Evidence | None) -> Check | None:
    share = evidence.gradient_underflow
    if share is None:
        return None
    return Check(
        id="gradient-underflow",
        verdict="good" if share <= MOST_UNDERFLOW else "warning",
        value=share,
        limit=MOST_UNDERFLOW,
        sentence=f"{percent(share)} of fp32's gradients were 0 in its first step.",
    )


def _lost_updates(evidence: Evidence, reference: Evidence | None) -> Check | None:
    if not evidence.lost_updates or (evidence.effective_dtypes and evidence.effective_dtypes.master_weights):
        return None
    lost = fmean(evidence.lost_updates)
    true = fmean(reference.lost_updates) if reference and reference.lost_updates else 0.0
    beyond = max(0.0, lost - true)
    verdict: Literal["good", "warning", "bad"] = "good"
    if beyond > SOME_LOST:
        verdict = "bad" if beyond > MOST_LOST else "warning"
    return Check(
        id="lost-updates",
        verdict=verdict,
        value=beyond,
        limit=MOST_LOST,
        sentence=f"{percent(lost)} of its weight updates, by their gradients, rounded to nothing "
        f"({percent(true)} in fp32).",
    )


def _skipped_steps(evidence: Evidence, _: Evidence | None) -> Check | None:
    if not evidence.scales or not evidence.steps:
        return None
    share = evidence.skipped_steps / evidence.steps
    return Check(
        id="skipped-steps",
        verdict="good" if share <= SOME_SKIPPED else "warning",
        value=share,
        limit=SOME_SKIPPED,
        sentence=f"The gradient scaler skipped {evidence.skipped_steps} of {evidence.steps} steps; a learning rate "
        "scheduler that is stepped all the same runs ahead.",
    )


def _loss_scale(evidence: Evidence, _: Evidence | None) -> Check | None:
    if not evidence.scales:
        return None
    first, least, last = evidence.scales[0], min(evidence.scales), evidence.scales[-1]
    return Check(
        id="loss-scale",
        verdict="good" if least >= LEAST_SCALE else "warning",
        value=least,
        limit=LEAST_SCALE,
        sentence=f"Its loss scale went from {figure(first)} to {figure(last)}, with {figure(least)} as the smallest.",
    )


def _headroom(evidence: Evidence, _: Evidence | None) -> Check | None:
    tightest = evidence.activations.tightest
    if not tightest:
        return None
    module, bits = min(tightest.items(), key=lambda item: item[1])
    return Check(
        id="headroom",
        verdict="good" if bits >= LEAST_HEADROOM_BITS else "warning",
        value=bits,
        limit=LEAST_HEADROOM_BITS,
        sentence=f"`{module}` comes within {figure(bits)} factors of two of the largest number of its dtype.",
    )


def _resume(evidence: Evidence, reference: Evidence | None) -> Check | None:
    if evidence.resume_failure is not None:
        sentence = f"No checkpoint could be saved and loaded: {evidence.resume_failure}"
        return Check(id="resume", verdict="warning", value=None, sentence=sentence)
    if evidence.resumed is None:
        return None
    blameless = evidence.resumed or reference is None or reference.resumed is False
    return Check(
        id="resume",
        verdict="good" if blameless else "warning",
        value=float(evidence.resumed),
        sentence=f"A step after loading a checkpoint was {'the same as' if evidence.resumed else 'not the same as'} "
        "before.",
    )


def memory_growth(evidence: Evidence, reference: Evidence | None) -> Check | None:
    """Return whether memory grows from step to step: something keeps what every step makes.

    A reference that grows as well points at the workload; growth below a half precision alone is often the cache of
    casted weights that autocast keeps where gradients are switched on and off inside (PyTorch Lightning issue 21611).
    """
    slope = memory_slope(evidence.memory)
    if slope is None:
        return None
    before = (evidence.peak_memory_bytes or 0) - slope.bytes_per_step * slope.steps
    limit = max(GROWTH_BYTES, GROWTH_SHARE * before)
    grows = slope.is_growth and slope.bytes_per_step > limit
    told = f"It held {_told(slope.bytes_per_step)} more after every step (± {size(slope.noise_bytes)})"
    other = memory_slope(reference.memory) if reference else None
    blame = ""
    if grows and other is not None:
        also = other.is_growth and other.bytes_per_step > GROWTH_BYTES
        blame = ", and so does fp32: the workload keeps something" if also else f", fp32 {_told(other.bytes_per_step)}"
    return Check(
        id="memory-slope",
        verdict="warning" if grows else "good",
        value=slope.bytes_per_step,
        limit=limit,
        sentence=f"{told}, over {slope.steps} steps{blame}.",
    )


def _told(count_bytes: float) -> str:
    return "nothing" if abs(count_bytes) < 1 else size(count_bytes)


_CHECKS: tuple[Callable[[Evidence, Evidence | None], Check | None], ...] = (
    _gradient_direction,
    _gradient_underflow,
    _lost_updates,
    _skipped_steps,
    _loss_scale,
    _headroom,
    _resume,
    memory_growth,
)
