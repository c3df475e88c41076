"""The first phase: which candidates are worth a trial, decided without running anything."""

from dataclasses import dataclass

from autoprec_probe import Candidate, HardwareProfile, Support, known_precisions, matmul_options, support
from autoprec_probe.candidate import Device, Strategy
from autoprec_probe.precision import BITSANDBYTES, BUILT_IN
from autoprec_runner.errors import PrecisionError
from autoprec_runner.search.compilers import compilable
from autoprec_runner.trial import Objective
from autoprec_runner.trials.prepared import Prepared

_LAST = ("64-true",)
"""Tried after all others: it is wanted only where fp32 itself is not good enough."""
_SMALLEST = ("bnb-int8", "bf16-true", "bnb-nf4-dq", "bnb-nf4", "16-true", "bnb-fp4-dq", "bnb-fp4")
"""Whose weights take least among those that stay within the tolerance; four bits seldom do."""


def default_candidates(
    profile: HardwareProfile, device: Device, strategy: Strategy, objective: Objective = "throughput"
) -> tuple[Candidate, ...]:
    """Return everything that makes sense to try on a device, the reference first, then the most promising."""
    reference = Candidate(precision="32-true", strategy=strategy)
    options = [
        Candidate(precision="32-true", strategy=strategy, matmul_precision=each)
        for each in matmul_options(profile, device, strategy)
    ]
    others = [Candidate(precision=each, strategy=strategy) for each in known_precisions() if each != "32-true"]
    return (reference, *in_trial_order([*options, *others], profile, device, objective))


def in_trial_order(
    candidates: list[Candidate],
    profile: HardwareProfile,
    device: Device,
    objective: Objective,
) -> tuple[Candidate, ...]:
    """Order candidates so that the likely best come early: native before emulated, quantized late, double last."""

    def promise(candidate: Candidate) -> tuple[bool, bool, int, bool]:
        emulated = judged(candidate, profile, device).level != "native"
        precision, order = candidate.precision, _SMALLEST if objective == "memory" else ()
        place = order.index(precision) if precision in order else len(order)
        return precision in _LAST, emulated, place, precision in BITSANDBYTES

    return tuple(sorted(candidates, key=promise))


def judged(candidate: Candidate, profile: HardwareProfile, device: Device) -> Support:
    """Return the support verdict: the probe's for built-in precisions, the plugin's own for third parties'.

    A plugin that cannot be loaded costs its candidate, not the study.
    """
    if candidate.precision in BUILT_IN:
        return compilable(support(candidate, profile, device), device)
    from autoprec_runner.precision.registry import plugin_class  # noqa: PLC0415 (loads torch, for plugins alone)

    try:
        verdict = plugin_class(candidate.precision).supports(candidate, profile, device)
    except PrecisionError as error:
        return Support(candidate=candidate, level="missing-package", reason=str(error))
    return compilable(verdict, device)


@dataclass(frozen=True, kw_only=True)
class Unfit:
    """Why a candidate that would run is not tried unless it is asked for, and what to do instead."""

    reason: str
    remedy: str


def unfit(candidate: Candidate, prepared: Prepared) -> Unfit | None:
    """Return why a candidate makes no sense for a workload, None if it does.

    Quantized weights are for inference, and for training where they are a frozen base below adapters; the one mode that
    trains them is for nothing else. Under XLA two strings mean the same.
    """
    precision = candidate.precision
    if (candidate.strategy, precision) == ("xla", "16-mixed"):
        return Unfit(
            reason="Under XLA it is bfloat16 autocast, as bf16-mixed is, which is tried.",
            remedy="Use bf16-mixed.",
        )
    if precision not in BITSANDBYTES:
        return None
    if precision == "bnb-int8-training":
        if prepared.mode == "train":
            return None
        return Unfit(
            reason=f"{precision} keeps weights in 16 bit and rounds them anew at every forward, which only training "
            "needs.",
            remedy="Use bnb-int8 for inference.",
        )
    if prepared.mode == "inference" or prepared.frozen_base:
        return None
    return Unfit(
        reason="It freezes the weights that it quantizes, and this workload trains them.",
        remedy="Freeze the base and train adapters on it (LoRA), use bnb-int8-training, or name it in candidates= to "
        "try it all the same.",
    )
