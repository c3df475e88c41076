"""The rounds of a gradient scaler: scale, unscale, step or skip, update."""

from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn
from torch.amp import GradScaler
from torch.optim import LBFGS, Optimizer

from autoprec_runner.errors import IncompatibleError
from autoprec_runner.optimizer import unwrapped
from autoprec_runner.precision.base import Closure, Precision


class ScaledPrecision(Precision):
    """A precision whose losses go through a gradient scaler, if it has one.

    Several optimizers that step on the gradients of one loss share one update of the scale, so that no gradient is
    unscaled twice or by a scale that it was not made with. The scale is then updated when all of them have stepped, or
    before the next loss.

    Args:
        scaler: The gradient scaler; None leaves losses and gradients alone.
    """

    def __init__(self, scaler: GradScaler | None) -> None:
        self.scaler = scaler
        self._scaled_losses = 0
        # By the id of an optimizer: how many losses were scaled when its gradients were unscaled, when it stepped.
        self._unscaled_at: dict[int, int] = {}
        self._stepped_at: dict[int, int] = {}
        self._update_due = False
        self._found_inf: dict[Any, Tensor] = {}

    def setup_scaler(self) -> GradScaler | None:
        """Return the gradient scaler that losses go through, None where there is none."""
        return self.scaler

    def pre_backward(self, tensor: Tensor, module: nn.Module | None = None) -> Tensor:  # noqa: ARG002 (hook)
        """Return the loss times the scale."""
        if self.scaler is None:
            return tensor
        if self._update_due:
            self._finish_round()
        self._scaled_losses += 1
        return self.scaler.scale(tensor)

    def optimizer_step(
        self,
        optimizer: Optimizer,
        model: nn.Module | None = None,
        closure: Closure | None = None,
        **kwargs: Any,
    ) -> Any:
        """Unscale where that is still due, step unless gradients are not finite, update the scale.

        Raises:
            IncompatibleError: There is a closure and a scaler, or no gradients that the scaler has scaled.
        """
        if self.scaler is None or not self.scaler.is_enabled():
            return super().optimizer_step(optimizer, model, closure, **kwargs)
        optimizer = unwrapped(optimizer)
        if closure is not None or isinstance(optimizer, LBFGS):
            raise IncompatibleError(
                f"{type(optimizer).__name__} with a closure cannot be stepped under {self.precision}: it evaluates the "
                "loss inside the step, where the gradient scaler cannot skip what is not finite. "
                "Use 'bf16-mixed', '32-true' or an optimizer without a closure.",
            )
        return self._scaled_step(optimizer, kwargs)

    @property
    def last_step_skipped(self) -> bool:
        """Whether the latest `optimizer_step` left the parameters alone because gradients were not finite."""
        return any(flag.item() != 0 for flag in self._found_inf.values())

    @property
    def scales_loss(self) -> bool:
        """Whether there is a scaler, and it is enabled."""
        return self.scaler is not None and self.scaler.is_enabled()

    def unscale_gradients(self, optimizer: Optimizer) -> None:
        """Divide the gradients of `optimizer` by the scale, once a step.

        Raises:
            IncompatibleError: Gradients were added after the first unscaling of this step: they cannot be told apart.
        """
        optimizer = unwrapped(optimizer)
        if self.scaler is None or self._unscaled_at.get(id(optimizer)) == self._scaled_losses:
            return
        try:
            self.scaler.unscale_(optimizer)
        except (RuntimeError, AssertionError) as error:
            raise IncompatibleError(
                f"Cannot unscale the gradients of {type(optimizer).__name__}: {error} "
                "Call backward through the engine, and clip or unscale once a step, after the last backward.",
            ) from error
        self._unscaled_at[id(optimizer)] = self._scaled_losses

    def state_dict(self) -> dict[str, Any]:
        """Return the scale and its growth tracker; empty without a scaler."""
        if self._update_due:
            self._finish_round()
        return {} if self.scaler is None else self.scaler.state_dict()

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Take over scale and growth tracker; a run without a scaler before leaves the scaler as it is."""
        if self.scaler is not None and state_dict:
            self.scaler.load_state_dict(dict(state_dict))

    def _scaled_step(self, optimizer: Optimizer, kwargs: dict[str, Any]) -> Any:
        assert self.scaler is not None
        key = id(optimizer)
        if self._stepped_at.get(key) == self._scaled_losses:
            raise self._unscaled_loss(optimizer, "no loss was scaled since its last step.")
        try:
            result = self.scaler.step(optimizer, **kwargs)
        except AssertionError as error:
            raise self._unscaled_loss(optimizer, str(error)) from error
        self._stepped_at[key] = self._scaled_losses
        self._unscaled_at.pop(key, None)
        # The flags are read when somebody asks: reading them here would make an accelerator wait.
        self._found_inf = self.scaler._found_inf_per_device(optimizer)  # noqa: SLF001 (there is no public way)
        if self._update_due:  # a shared update adds the flags up in place
            self._found_inf = {device: flag.clone() for device, flag in self._found_inf.items()}
        self._update_due = True
        if not self._unscaled_at and all(at == self._scaled_losses for at in self._stepped_at.values()):
            self._finish_round()
        return result

    def _finish_round(self) -> None:
        """Update the scale: all optimizers that waited with unscaled gradients have stepped, or the next loss comes."""
        assert self.scaler is not None
        self.scaler.update()
        self._unscaled_at.clear()
        self._update_due = False

    def _unscaled_loss(self, optimizer: Optimizer, reason: str) -> IncompatibleError:
        return IncompatibleError(
            f"{type(optimizer).__name__} has no scaled gradients to step with under {self.precision}: {reason} "
            "Call engine.backward(loss) in place of loss.backward() before each step.",
        )
