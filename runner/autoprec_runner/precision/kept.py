"""Modules that stay in float32 while the model around them runs in half precision."""

import difflib
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from autoprec_runner.errors import PrecisionError
from autoprec_runner.forward import PrecisionMethod, precision_method
from autoprec_runner.precision.base import Precision
from autoprec_runner.precision.contexts import DefaultDtype, Together
from autoprec_runner.precision.conversion import cast_floating

_HALF = (torch.float16, torch.bfloat16)


class KeptPrecision(Precision):
    """What the forward of a kept module runs in: float32, whatever runs around it.

    Args:
        device: The device type whose autocast is switched off inside; None where there is none around.
        outside: The dtype that floating outputs return in; None to leave them in float32.
    """

    def __init__(self, *, device: str | None = None, outside: torch.dtype | None = None) -> None:
        self._autocast_device = device
        self._outside = outside

    def convert_input(self, data: Any) -> Any:
        """Cast floating-point tensors to float32."""
        return cast_floating(data, torch.float32)

    def convert_output(self, data: Any) -> Any:
        """Cast floating-point tensors to the dtype of the model around."""
        return data if self._outside is None else cast_floating(data, self._outside)

    def forward_context(self) -> AbstractContextManager[Any]:
        """Make float32 the default dtype, without autocast."""
        if self._autocast_device is None:
            return DefaultDtype(torch.float32)
        return Together(torch.autocast(self._autocast_device, enabled=False), DefaultDtype(torch.float32))


def find_kept(model: nn.Module, names: Sequence[str]) -> list[nn.Module]:
    """Return the modules of these qualified names.

    Raises:
        PrecisionError: A name is not that of a module below `model`.
    """
    present = dict(model.named_modules(remove_duplicate=False))
    del present[""]
    for name in names:
        if name not in present:
            near = difflib.get_close_matches(name, present, n=3)
            hint = f"Did you mean {', '.join(map(repr, near))}?" if near else "See model.named_modules()."
            raise PrecisionError(f"keep_fp32 names {name!r}, and {type(model).__name__} has no such module. {hint}")
    return [present[name] for name in names]


def keep(modules: Sequence[nn.Module], plugin: KeptPrecision) -> None:
    """Run these modules in float32 from now on, with half weights of theirs cast up. Doing so again changes nothing."""
    for module in modules:
        module._apply(_cast_up)  # type: ignore[no-untyped-call]  # noqa: SLF001 (float() would cast float64 down)
        if precision_method(module) is None:
            PrecisionMethod(module, "forward", plugin, patched=module.__dict__.get("forward")).install()


@contextmanager
def passed_by(model: nn.Module, modules: Sequence[nn.Module]) -> Iterator[None]:
    """Let conversions of `model` inside the context leave these modules alone.

    Raises:
        PrecisionError: A parameter or buffer of theirs belongs to another module too, which would be converted.
    """
    _require_own_tensors(model, modules)
    for module in modules:
        module.__dict__["_apply"] = lambda _fn, recurse=True, module=module: module  # noqa: ARG005 (torch's signature)
    try:
        yield
    finally:
        for module in modules:
            del module.__dict__["_apply"]


def _require_own_tensors(model: nn.Module, modules: Sequence[nn.Module]) -> None:
    inside = {id(each) for module in modules for each in module.modules()}
    own = {id(each) for module in modules for each in (*module.parameters(), *module.buffers())}
    for name, module in model.named_modules():
        tensors = (*module.named_parameters(recurse=False), *module.named_buffers(recurse=False))
        shared = next((each for each, tensor in tensors if id(tensor) in own), None)
        if shared is not None and id(module) not in inside:
            raise PrecisionError(
                f"keep_fp32 names a module that shares {f'{name}.{shared}'.lstrip('.')!r}, which is converted. "
                "Name the other module too, or use a mixed precision, which leaves all weights in float32.",
            )


def _cast_up(tensor: Tensor) -> Tensor:
    return tensor.float() if tensor.dtype in _HALF else tensor


def kept_report(names: Sequence[str]) -> str | None:
    """Return the sentence that says which modules were kept, None where none were."""
    return f"Kept in float32: {', '.join(names)}." if names else None
