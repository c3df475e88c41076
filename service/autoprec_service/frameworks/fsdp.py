"""PyTorch's fully sharded data parallelism."""

from autoprec_probe.candidate import Candidate
from autoprec_service.frameworks.dtypes import MIXED, TRUE
from autoprec_service.frameworks.requirements import require, require_default_matmul, require_not_compiled


def fsdp(candidate: Candidate) -> dict[str, str]:
    """Return the arguments of `torch.distributed.fsdp.MixedPrecisionPolicy`: parameters in half, reduction in fp32.

    FSDP casts whole modules where autocast casts single operations; `16-mixed` needs a gradient scaler beside it.
    Source: https://docs.pytorch.org/docs/stable/distributed.fsdp.fully_shard.html

    Raises:
        ExportError: They cannot express the candidate.
    """
    way_out = ""
    if candidate.precision in TRUE:
        way_out = (
            f" Convert the model with model.to(torch.{TRUE[candidate.precision]}) before fully_shard(model) and leave "
            "the policy out."
        )
    require(candidate, "MixedPrecisionPolicy", {*MIXED, "32-true"}, way_out)
    require_default_matmul(candidate, "MixedPrecisionPolicy", "the policy for that")
    require_not_compiled(candidate, "MixedPrecisionPolicy", "the policy for that")
    if candidate.precision == "32-true":
        return {}
    return {"param_dtype": MIXED[candidate.precision], "reduce_dtype": "float32"}
