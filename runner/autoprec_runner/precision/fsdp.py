"""Precision under FSDP: parameters kept in shards, gathered and reduced in the dtype of the precision."""

from typing import Any, ClassVar

from torch import Tensor, nn
from torch.amp import GradScaler
from torch.distributed.fsdp import MixedPrecisionPolicy
from torch.distributed.tensor import DTensor
from torch.optim import Optimizer

from autoprec_runner.errors import PrecisionError
from autoprec_runner.precision.conversion import cast_floating
from autoprec_runner.precision.distributed import COMPUTE_DTYPES, DistributedPrecision, canonical_or_given
from autoprec_runner.precision.scaled import ScaledPrecision
from autoprec_runner.precision.shard_scaler import ShardScaler


class FSDPPrecision(DistributedPrecision, ScaledPrecision):
    """What a precision string means under FSDP 2, the same as in Fabric.

    =============  ===============  ===================  ==================  =====================
    precision      shards, grads,   gathered parameters  gradient reduction  autocast in forward
                   optimizer state
    =============  ===============  ===================  ==================  =====================
    32-true        float32          float32              float32             no
    bf16-mixed     float32          bfloat16             bfloat16            bfloat16
    16-mixed       float32          float16, and scaler  float16             float16
    bf16-true      bfloat16         bfloat16             bfloat16            no
    16-true        float16          float16              float16             no
    =============  ===============  ===================  ==================  =====================

    FSDP 2 does not touch buffers: they stay as the precision's conversion leaves them, float32 in the mixed ones.

    Args:
        precision: One of the strings above or its alias.
        scaler: A gradient scaler in place of the default one, which agrees with the other processes on what is not
            finite; only for ``16-mixed``.
        device: The device type that autocast and scaler are for; None for the accelerator that torch has, else the CPU.
    """

    strategy: ClassVar[str] = "fsdp"

    def __init__(
        self,
        precision: str | int = "32-true",
        scaler: GradScaler | None = None,
        device: str | None = None,
    ) -> None:
        name = canonical_or_given(precision)
        if name not in COMPUTE_DTYPES:
            reason = " FSDP gathers and reduces in at most float32; for float64 use strategy='single'."
            raise PrecisionError(
                f"`{type(self).__name__}(precision={precision!r})` is not supported in FSDP. "
                f"`precision` must be one of: {', '.join(COMPUTE_DTYPES)}.{reason if name == '64-true' else ''}",
            )
        if scaler is not None and name != "16-mixed":
            raise PrecisionError(
                f"`precision={precision!r}` does not use a scaler, found {scaler}. "
                "Leave the scaler out, or use '16-mixed'.",
            )
        self._set(name, device)
        super().__init__(ShardScaler(self.device) if scaler is None and name == "16-mixed" else scaler)

    @property
    def mixed_precision_config(self) -> MixedPrecisionPolicy:
        """What `fully_shard` is told: the dtypes in which parameters are gathered and gradients reduced."""
        return MixedPrecisionPolicy(
            param_dtype=self.dtype,
            reduce_dtype=self.dtype,
            cast_forward_inputs=self.precision != "32-true",
        )

    def setup_mixed_precision_config(self) -> MixedPrecisionPolicy:
        """Return `mixed_precision_config`."""
        return self.mixed_precision_config

    def convert_input(self, data: Any) -> Any:
        """Cast floating-point tensors in the true precisions; in the mixed ones FSDP has cast them to half by now."""
        return data if self._mixed else cast_floating(data, self.dtype)

    def clip_gradients(
        self,
        model: nn.Module | None,
        optimizer: Optimizer,
        *,
        max_norm: float | None = None,
        clip_val: float | None = None,
        norm_type: float = 2.0,
        error_if_nonfinite: bool | None = None,
    ) -> Tensor | None:
        """Clip by the norm over all shards of all processes; see `Precision.clip_gradients`."""
        norm = super().clip_gradients(
            model,
            optimizer,
            max_norm=max_norm,
            clip_val=clip_val,
            norm_type=norm_type,
            error_if_nonfinite=error_if_nonfinite,
        )
        return norm.full_tensor() if isinstance(norm, DTensor) else norm
