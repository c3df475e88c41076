"""The first phase: which candidates are worth a trial, decided without running anything."""

from autoprec_probe import Candidate, HardwareProfile, Support, known_precisions, matmul_options, support
from autoprec_probe.candidate import Device, Strategy
from autoprec_probe.precision import BUILT_IN

_LAST = ("64-true",)
"""Tried after all others: it is wanted only where fp32 itself is not good enough."""


def default_candidates(profile: HardwareProfile, device: Device, strategy: Strategy) -> tuple[Candidate, ...]:
    """Return everything that makes sense to try on a device, the reference first, then the most promising."""
    reference = Candidate(precision="32-true", strategy=strategy)
    options = [
        Candidate(precision="32-true", strategy=strategy, matmul_precision=each)
        for each in matmul_options(profile, device)
    ]
    others = [Candidate(precision=each, strategy=strategy) for each in known_precisions() if each != "32-true"]
    return (reference, *in_trial_order([*options, *others], profile, device))


def in_trial_order(
    candidates: list[Candidate],
    profile: HardwareProfile,
    device: Device,
) -> tuple[Candidate, ...]:
    """Order candidates so that the likely best come early: natively supported first, double precision last."""

    def promise(candidate: Candidate) -> tuple[bool, bool]:
        return candidate.precision in _LAST, judged(candidate, profile, device).level != "native"

    return tuple(sorted(candidates, key=promise))


def judged(candidate: Candidate, profile: HardwareProfile, device: Device) -> Support:
    """Return the support verdict: the probe's for built-in precisions, the plugin's own for third parties'."""
    if candidate.precision in BUILT_IN:
        return support(candidate, profile, device)
    from autoprec_runner.precision.registry import plugin_class  # noqa: PLC0415 (loads torch, for plugins alone)

    return plugin_class(candidate.precision).supports(candidate, profile, device)
