"""DeepSpeed."""

from typing import Any

from autoprec_probe.candidate import Candidate
from autoprec_service.frameworks.dtypes import MIXED
from autoprec_service.frameworks.requirements import require, require_default_matmul, require_not_compiled


def deepspeed(candidate: Candidate) -> dict[str, Any]:
    """Return the precision sections of a DeepSpeed config.

    Its `bf16` and `fp16` sections keep fp32 master weights, which a true half precision does not have; mixed
    precision becomes its `torch_autocast` section, which scales gradients for float16 by itself.
    Source: https://deepspeed.readthedocs.io/en/latest/training.html, `deepspeed/runtime/precision_config.py`

    Raises:
        ExportError: They cannot express the candidate.
    """
    require(candidate, "DeepSpeed", {*MIXED, "32-true", "bf16-true"}, _way_out(candidate))
    require_default_matmul(candidate, "DeepSpeed", "the precision sections for that")
    require_not_compiled(candidate, "DeepSpeed", "the precision sections for that")
    if candidate.precision in MIXED:
        return {"torch_autocast": {"enabled": True, "dtype": MIXED[candidate.precision]}}
    if candidate.precision == "32-true":
        return {}
    return {"bf16": {"enabled": True, "bf16_master_weights_and_grads": True, "bf16_optimizer_states": True}}


def _way_out(candidate: Candidate) -> str:
    if candidate.precision == "16-true":
        return " Its fp16 section keeps fp32 master weights: measure 16-mixed, which its torch_autocast section runs."
    return " It trains in fp32, fp16 or bf16." if candidate.precision == "64-true" else ""
