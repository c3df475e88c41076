"""Lightning's Fabric and Trainer."""

from autoprec_probe.candidate import Candidate, Device
from autoprec_service.errors import ExportError
from autoprec_service.frameworks.dtypes import MIXED, TRUE
from autoprec_service.frameworks.requirements import require, require_default_matmul, require_not_compiled

_KNOWN = {*MIXED, *TRUE, "transformer-engine", "transformer-engine-float16"}


def fabric(candidate: Candidate, device: Device, *, framework: str = "Fabric") -> dict[str, str]:
    """Return the arguments of `lightning.fabric.Fabric`.

    Source: https://lightning.ai/docs/fabric/stable/fundamentals/precision.html

    Raises:
        ExportError: It cannot express the candidate, or runs something else in its place on this device.
    """
    require(candidate, framework, _KNOWN)
    if candidate.precision == "16-mixed" and device == "cpu":
        raise ExportError(
            f"{framework} runs bf16-mixed instead of 16-mixed on a CPU. Use autoprec.Engine(precision='16-mixed'), or "
            "ask suggest() without 16-mixed among the candidates.",
        )
    require_default_matmul(candidate, framework, f"precision={candidate.precision!r}")
    require_not_compiled(candidate, framework, f"precision={candidate.precision!r}")
    return {"precision": candidate.precision}


def trainer(candidate: Candidate, device: Device) -> dict[str, str]:
    """Return the arguments of `lightning.Trainer`, which takes the same strings as Fabric; see `fabric`."""
    return fabric(candidate, device, framework="Trainer")
