"""A gradient scaler for gradients of which every process holds a part."""

from typing import Any

import torch
from torch import Tensor
from torch.distributed.fsdp.sharded_grad_scaler import ShardedGradScaler
from torch.distributed.tensor import DTensor
from torch.optim import Optimizer


class ShardScaler(ShardedGradScaler):
    """torch's scaler for FSDP, on the local part of each gradient.

    What is not finite in one process makes all of them skip the step: the flags are summed over the process group, once
    a step, rather than by every operation on a sharded tensor.
    """

    def _unscale_grads_(
        self,
        optimizer: Optimizer,
        inv_scale: Tensor,
        found_inf: Tensor,
        allow_fp16: bool = True,  # noqa: ARG002, FBT001, FBT002 (torch's signature; its scaler for FSDP allows fp16 too)
    ) -> dict[torch.device, Tensor]:
        by_dtype: dict[torch.dtype, list[Tensor]] = {}
        for group in optimizer.param_groups:
            for parameter in group["params"]:
                if parameter.grad is not None:
                    local = local_part(parameter.grad)
                    by_dtype.setdefault(local.dtype, []).append(local)
        for gradients in by_dtype.values():
            torch._amp_foreach_non_finite_check_and_unscale_(gradients, found_inf, inv_scale)
        return {found_inf.device: found_inf}


def local_part(tensor: Tensor) -> Any:
    """Return the part of a tensor that this process holds."""
    return tensor.to_local() if isinstance(tensor, DTensor) else tensor
