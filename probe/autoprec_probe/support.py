"""Which candidates a machine can really run, and why."""

from pydantic import BaseModel, ConfigDict

from autoprec_probe.candidate import Candidate, Device, MatmulPrecision, Strategy
from autoprec_probe.errors import ForeignPrecisionError
from autoprec_probe.precision import BUILT_IN
from autoprec_probe.profile import HardwareProfile
from autoprec_probe.rules.case import Case
from autoprec_probe.rules.judge import judge
from autoprec_probe.verdict import SupportLevel

__all__ = ["Support", "SupportLevel", "matmul_options", "precision_table", "support"]


class Support(BaseModel):
    """The verdict on one candidate on one device, always with a reason and, where there is one, a remedy."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    candidate: Candidate
    level: SupportLevel
    reason: str
    remedy: str | None = None
    source: str | None = None
    """Where the fact can be checked."""

    @property
    def can_run(self) -> bool:
        """Whether a trial of this candidate can be started."""
        return self.level in {"native", "emulated"}


_DISTINCT_MATMUL: dict[Device, tuple[MatmulPrecision, ...]] = {"cpu": ("medium",), "cuda": ("high",)}
"""Where a lower matmul precision exists, the one setting that differs from the others: on CUDA `medium` runs as `high`,
on a CPU `high` as `highest`."""


def support(candidate: Candidate, profile: HardwareProfile, device: Device | None = None) -> Support:
    """Return the verdict on a candidate with a built-in precision, on the profile's default device unless one is given.

    `emulated` may still be tried: the reason says why little is to be hoped for, and a trial cuts it off early.

    Raises:
        ForeignPrecisionError: The precision is a third party's; only its plugin class knows (`supports`).
    """
    if candidate.precision not in BUILT_IN:
        raise ForeignPrecisionError(
            f"The probe judges the built-in precisions only ({', '.join(BUILT_IN)}), not {candidate.precision!r}: ask "
            "the plugin class that provides it, through its classmethod supports(candidate, profile).",
        )
    target = profile.default_device if device is None else device
    verdict = judge(_case(candidate, profile, target))
    return Support(
        candidate=candidate,
        level=verdict.level,
        reason=verdict.reason,
        remedy=verdict.remedy,
        source=verdict.source,
    )


def _case(candidate: Candidate, profile: HardwareProfile, device: Device) -> Case:
    readable = (each for each in profile.accelerators if each.kind == device and each.error is None)
    return Case(candidate=candidate, profile=profile, device=device, accelerator=next(readable, None))


def precision_table(
    profile: HardwareProfile,
    device: Device | None = None,
    strategy: Strategy = "single",
) -> tuple[Support, ...]:
    """Return the verdict on every built-in precision under a strategy, in the order in which tables show them."""
    candidates = (Candidate(precision=precision, strategy=strategy) for precision in BUILT_IN)
    return tuple(support(each, profile, device) for each in candidates)


def matmul_options(
    profile: HardwareProfile,
    device: Device | None = None,
    strategy: Strategy = "single",
) -> tuple[MatmulPrecision, ...]:
    """Return the matmul precisions worth trying with `32-true`: `highest`, and what the device makes of a lower one."""
    target = profile.default_device if device is None else device
    lower = _DISTINCT_MATMUL.get(target, ())
    candidates = (Candidate(precision="32-true", strategy=strategy, matmul_precision=each) for each in lower)
    natives = (each for each in candidates if support(each, profile, target).level == "native")
    return ("highest", *(each.matmul_precision for each in natives))
