"""The neutral precision, `32-true`, and the contract of every other one."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any, ClassVar, Self

from torch import Tensor, nn
from torch.nn.utils import clip_grad_norm_, clip_grad_value_
from torch.optim import Optimizer

from autoprec_probe.candidate import Candidate, Device
from autoprec_probe.profile import HardwareProfile
from autoprec_probe.support import Support, support
from autoprec_runner.errors import PrecisionError

Closure = Callable[[], Any]


class Precision:
    """What a precision does to each moment of a step. This base class is `32-true`: every hook leaves things alone.

    A subclass sets `precision` and overrides the hooks in which it differs. The contract, which
    `autoprec_runner.testing.PrecisionContract` checks:

    - `convert_module` changes floating-point parameters and buffers only, in place where it can; names, parameters,
      sharing of parameters, buffers and layers, hooks, train/eval mode and `requires_grad` stay as they were, also in a
      model that is one layer. Converting twice changes nothing.
    - `convert_input` and `convert_output` accept any data, never modify it, and return it as the same object where
      there is nothing to convert.
    - contexts restore what was there when they were entered, also after an exception, and can be nested.
    - state returned by `state_dict` survives `torch.save` and `torch.load(weights_only=True)`.

    One instance serves one engine; it is not shared between threads that train.
    """

    precision: str = "32-true"

    strategy: ClassVar[str] = "single"
    """Under which strategy the plugin can be used."""

    device: str | None = None
    """The device type that contexts and scaler are made for; None where the precision does not care."""

    keep_fp32: tuple[str, ...] = ()
    """Qualified names of modules that stay in float32, where the precision can leave some out."""

    @classmethod
    def from_string(cls, precision: str, *, device: str) -> Self:  # noqa: ARG003 (for subclasses)
        """Return the plugin for a canonical precision string on a device type such as ``cpu`` or ``cuda``."""
        return cls()

    @classmethod
    def emulated(cls, precision: str, *, device: str) -> Self:  # noqa: ARG003 (for subclasses)
        """Return the plugin that computes the numbers of `precision` where the hardware cannot: for stability only.

        Raises:
            PrecisionError: There is no emulation of it.
        """
        raise PrecisionError(f"There is no emulation of {precision!r}. Leave emulate out.")

    @classmethod
    def supports(cls, candidate: Candidate, profile: HardwareProfile, device: Device | None = None) -> Support:
        """Say whether `candidate` runs on the machine that `profile` describes, and why."""
        return support(candidate, profile, device)

    def keep_modules(self, names: Iterable[str]) -> None:
        """Let the modules of these qualified names, with all below them, stay in float32 from the next conversion on.

        Raises:
            PrecisionError: This precision converts all modules or none.
        """
        raise PrecisionError(
            f"{self!r} under strategy {self.strategy!r} cannot keep {', '.join(map(repr, names))} in float32. "
            "Use 16-mixed, bf16-mixed, 16-true or bf16-true with strategy='single'.",
        )

    def expect_compilation(self) -> None:
        """Hear that forward passes are going to be compiled, before any module is converted."""

    def convert_module(self, module: nn.Module) -> nn.Module:
        """Return `module` with its parameters and buffers in the dtype that they are kept in."""
        return module

    def convert_input(self, data: Any) -> Any:
        """Return the input of a forward in the dtype in which the module takes it."""
        return data

    def convert_output(self, data: Any) -> Any:
        """Return the output of a forward in the dtype that the user goes on with (the default dtype)."""
        return data

    def forward_context(self) -> AbstractContextManager[Any]:
        """Return the context in which a forward runs."""
        return nullcontext()

    def module_init_context(self) -> AbstractContextManager[Any]:
        """Return the context in which modules are created in their final dtype."""
        return self.tensor_init_context()

    def tensor_init_context(self) -> AbstractContextManager[Any]:
        """Return the context in which tensors without a stated dtype get the dtype of this precision."""
        return nullcontext()

    def pre_backward(self, tensor: Tensor, module: nn.Module | None = None) -> Tensor:  # noqa: ARG002 (for subclasses)
        """Return what backward starts from, given the loss."""
        return tensor

    def backward(self, tensor: Tensor, model: nn.Module | None = None, *args: Any, **kwargs: Any) -> None:
        """Run backward from the loss `tensor` between the two hooks; further arguments go to `Tensor.backward`."""
        start = self.pre_backward(tensor, model)
        start.backward(*args, **kwargs)  # type: ignore[no-untyped-call]
        self.post_backward(tensor, model)

    def post_backward(self, tensor: Tensor, module: nn.Module | None = None) -> Tensor:  # noqa: ARG002 (for subclasses)
        """Take note that the gradients of the loss `tensor` are there; returns the loss."""
        return tensor

    def optimizer_step(
        self,
        optimizer: Optimizer,
        model: nn.Module | None = None,  # noqa: ARG002 (for strategies in which the model steps)
        closure: Closure | None = None,
        **kwargs: Any,
    ) -> Any:
        """Let the optimizer step and return what its `step` returned."""
        if closure is None:
            return optimizer.step(**kwargs)
        return optimizer.step(closure=closure, **kwargs)

    def compute_dtype(self) -> str | None:
        """Return the dtype of matrix products where neither autocast nor the parameters tell it, else None."""
        return None

    @property
    def report(self) -> str | None:
        """What the latest `convert_module` has done and left undone, in sentences; None where nothing needs saying."""
        return None

    @property
    def last_step_skipped(self) -> bool:
        """Whether the latest `optimizer_step` left the parameters alone because gradients were not finite."""
        return False

    @property
    def scales_loss(self) -> bool:
        """Whether losses are scaled, so that gradients can be infinite now and then and the step is skipped."""
        return False

    def main_params(self, optimizer: Optimizer) -> Iterator[Tensor]:
        """Yield the parameters whose gradients are clipped."""
        for group in optimizer.param_groups:
            yield from group["params"]

    def unscale_gradients(self, optimizer: Optimizer) -> None:
        """Bring the gradients of `optimizer` to their true scale; a second call in one step changes nothing."""

    def clip_gradients(
        self,
        model: nn.Module | None,  # noqa: ARG002 (for strategies in which the model owns the gradients)
        optimizer: Optimizer,
        *,
        max_norm: float | None = None,
        clip_val: float | None = None,
        norm_type: float = 2.0,
        error_if_nonfinite: bool | None = None,
    ) -> Tensor | None:
        """Clip the unscaled gradients by their total norm or by value.

        Args:
            model: The module that the gradients belong to.
            optimizer: The optimizer whose parameters are clipped.
            max_norm: Largest total norm; or
            clip_val: largest absolute value of one element. Exactly one of the two is given.
            norm_type: Which p-norm `max_norm` means; ``float("inf")`` is the maximum norm.
            error_if_nonfinite: Whether a norm that is not finite is an error. By default it is, except where a scaler
                is going to skip the step for that very reason.

        Returns:
            The total norm before clipping for `max_norm`, None for `clip_val`.

        Raises:
            PrecisionError: Both or neither of `max_norm` and `clip_val` were given.
            RuntimeError: The norm is not finite and that is an error.
        """
        if max_norm is not None and clip_val is None:
            self.unscale_gradients(optimizer)
            strict = not self.scales_loss if error_if_nonfinite is None else error_if_nonfinite
            return clip_grad_norm_(self.main_params(optimizer), max_norm, norm_type, error_if_nonfinite=strict)
        if clip_val is not None and max_norm is None:
            self.unscale_gradients(optimizer)
            clip_grad_value_(self.main_params(optimizer), clip_val)
            return None
        raise PrecisionError(
            f"clip_gradients() got max_norm={max_norm!r} and clip_val={clip_val!r}; give exactly one of them.",
        )

    def state_dict(self) -> dict[str, Any]:
        """Return what a checkpoint must hold of this precision; empty where there is nothing."""
        return {}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Take over what `state_dict` returned in the run that is resumed."""

    def __repr__(self) -> str:
        """Return the class with its precision string."""
        return f"{type(self).__name__}({self.precision!r})"
