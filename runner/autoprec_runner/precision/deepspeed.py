"""Precision under DeepSpeed: its own sections for the dtype, its own steps, scaling and clipping."""

from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from autoprec_runner.errors import IncompatibleError, PrecisionError
from autoprec_runner.precision.base import Closure
from autoprec_runner.precision.conversion import cast_floating
from autoprec_runner.precision.distributed import COMPUTE_DTYPES, DistributedPrecision, canonical_or_given

_SECTIONS: dict[str, dict[str, Any]] = {
    "32-true": {},
    "bf16-mixed": {"torch_autocast": {"enabled": True, "dtype": "bfloat16"}},
    "16-mixed": {"torch_autocast": {"enabled": True, "dtype": "float16"}},
    "bf16-true": {"bf16": {"enabled": True}},
    "16-true": {"fp16": {"enabled": True, "loss_scale": 0, "initial_scale_power": 16, "auto_cast": False}},
}
"""What DeepSpeed's config says for each precision; a loss scale of 0 is a dynamic one."""
_APEX_REMOVED = "https://github.com/deepspeedai/DeepSpeed/issues/8489"


class DeepSpeedPrecision(DistributedPrecision):
    """What a precision string means under DeepSpeed.

    DeepSpeed's own ``bf16`` and ``fp16`` modes are not automatic mixed precision: parameters and gradients are half,
    and the optimizer keeps float32 master weights. Fabric, Trainer and Accelerate run them when asked for a mixed
    precision (Lightning issue 18016). Here a string means what it means elsewhere:

    ==========  ==================  ===================  ==============  =====================
    precision   DeepSpeed section   parameters           compute         weights that are updated
    ==========  ==================  ===================  ==============  =====================
    32-true     none                float32              float32         the parameters
    bf16-mixed  ``torch_autocast``  float32              bfloat16        the parameters
    16-mixed    ``torch_autocast``  float32              float16, scaled the parameters
    bf16-true   ``bf16``            bfloat16             bfloat16        float32 copies of them
    16-true     ``fp16``            float16              float16, scaled float32 copies of them
    ==========  ==================  ===================  ==============  =====================

    With ZeRO from stage 1 on, DeepSpeed 0.19.8 never lowers the scale of 16-mixed: after the first overflow it skips
    every step (seen on an H200). A trial tells so; stage 0, bf16-mixed and 16-true are not affected.

    Args:
        precision: One of the strings above or its alias.
        amp_type: ``native``; ``apex`` is refused, because DeepSpeed has removed it.
        amp_level: Must be None: only Apex had levels.
        device: The device type that autocast is for; None for the accelerator that torch has, else the CPU.
    """

    strategy: ClassVar[str] = "deepspeed"

    def __init__(
        self,
        precision: str | int = "16-mixed",
        amp_type: str = "native",
        amp_level: str | None = None,
        device: str | None = None,
    ) -> None:
        call = (
            f"Passed `{type(self).__name__}(precision={precision!r}, amp_type={amp_type!r}, amp_level={amp_level!r})`"
        )
        name = canonical_or_given(precision)
        if name not in COMPUTE_DTYPES:
            reason = " DeepSpeed has no mode for float64; use strategy='single'." if name == "64-true" else ""
            raise PrecisionError(
                f"{call}, which is not supported in DeepSpeed. `precision` must be one of: {', '.join(COMPUTE_DTYPES)}."
                f"{reason}",
            )
        if amp_type == "apex":
            raise PrecisionError(
                f"{call}. DeepSpeed has removed its integration of NVIDIA Apex ({_APEX_REMOVED}). "
                "Use amp_type='native', which is torch.autocast in the mixed precisions.",
            )
        if amp_type != "native" or amp_level is not None:
            raise PrecisionError(f"{call}. amp_type must be 'native', and amp_level None: only Apex had levels.")
        self._set(name, device)
        self._skipped = False

    @property
    def config(self) -> dict[str, Any]:
        """What DeepSpeed's config says of the dtype."""
        return {section: dict(content) for section, content in _SECTIONS[self.precision].items()}

    def convert_input(self, data: Any) -> Any:
        """Cast floating-point tensors to what is computed in."""
        return cast_floating(data, self.dtype)

    def backward(self, tensor: Tensor, model: nn.Module | None = None, *args: Any, **kwargs: Any) -> None:
        """Let DeepSpeed's engine run backward, scaled where it scales."""
        owner: Any = model
        owner.backward(tensor, *args, **kwargs)

    def optimizer_step(
        self,
        optimizer: Optimizer,
        model: nn.Module | None = None,
        closure: Closure | None = None,
        **kwargs: Any,
    ) -> Any:
        """Let DeepSpeed's engine, `model` or what is passed as the optimizer, reduce, clip, step or skip.

        It also resets the gradients.

        Raises:
            IncompatibleError: There is a closure, which DeepSpeed does not take.
        """
        if closure is not None or kwargs:
            raise IncompatibleError(
                f"DeepSpeed steps {type(optimizer).__name__} itself and takes neither a closure nor arguments. "
                "Call optimizer.step() after engine.backward(loss), or use strategy='single'.",
            )
        owner: Any = optimizer if model is None else model
        scaler = getattr(owner, "torch_autocast_z0_gradscaler", None)
        scale = None if scaler is None else scaler.get_scale()
        owner.step()
        self._skipped = scaler.get_scale() < scale if scaler is not None else not owner.was_step_applied()

    @property
    def last_step_skipped(self) -> bool:
        """Whether DeepSpeed left the parameters alone because gradients were not finite."""
        return self._skipped

    @property
    def scales_loss(self) -> bool:
        """Whether DeepSpeed scales losses: in float16."""
        return self.dtype is torch.float16

    def clip_gradients(
        self,
        model: nn.Module | None,  # noqa: ARG002 (the contract)
        optimizer: Optimizer,  # noqa: ARG002 (the contract)
        *,
        max_norm: float | None = None,
        clip_val: float | None = None,
        norm_type: float = 2.0,  # noqa: ARG002 (the contract)
        error_if_nonfinite: bool | None = None,  # noqa: ARG002 (the contract)
    ) -> Tensor | None:
        """Refuse: DeepSpeed clips inside its step, by what its config says.

        Raises:
            PrecisionError: Always; the message says how to clip.
        """
        raise PrecisionError(
            f"clip_gradients() got max_norm={max_norm!r} and clip_val={clip_val!r}: DeepSpeed clips inside its step, "
            "by norm only. Say Engine(strategy='deepspeed', gradient_clipping=1.0) for a largest norm of 1.",
        )
