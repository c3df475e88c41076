"""Quantized weights as a precision."""

from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import wraps
from types import TracebackType
from typing import Any, Self

import torch
from torch import nn

from autoprec_runner.accelerator import resolve_device
from autoprec_runner.errors import IncompatibleError, PrecisionError
from autoprec_runner.precision.base import Precision
from autoprec_runner.precision.bitsandbytes.conversion import Conversion, listed
from autoprec_runner.precision.bitsandbytes.huggingface import quantization_config
from autoprec_runner.precision.bitsandbytes.library import load_layers
from autoprec_runner.precision.bitsandbytes.modes import FOUR_BIT_DTYPES, MODES, Mode, default_dtype, is_int8
from autoprec_runner.precision.bitsandbytes.selection import select
from autoprec_runner.precision.contexts import DefaultDtype
from autoprec_runner.precision.conversion import cast_floating
from autoprec_runner.precision.weights import weight_bytes


class BitsandbytesPrecision(Precision):
    """Weights of `torch.nn.Linear` in 4 or 8 bit, the others as they were, under autocast to a half precision.

    Layers are quantized in place: names, sharing, hooks, mode, bias and device stay. Weights in 4 bit and in ``int8``
    are frozen, so that only what is beside them is trained: adapters, which are therefore left as they are. A layer
    that cannot be quantized without harm stays; `conversion` says which and why.

    Args:
        mode: ``nf4`` and ``fp4`` (4-bit floats), either with ``-dq`` (their scales are quantized too); ``int8``
            (LLM.int8()); ``int8-training`` (trainable weights in 16 bit, rounded to int8 for every product).
        dtype: What is computed in, by default a half precision that the device computes natively, else float32.
            LLM.int8() takes float16 alone.
        ignore_modules: Qualified names of modules that stay as they are, with all below them.
        device: The device type that it will run on; None for any, and the defaults of the best device here.
    """

    def __init__(
        self,
        mode: Mode,
        dtype: torch.dtype | None = None,
        ignore_modules: Iterable[str] | None = None,
        *,
        device: str | None = None,
    ) -> None:
        call = f"{type(self).__name__}(mode={mode!r}, dtype={dtype}, ignore_modules={ignore_modules!r})"
        if mode not in MODES:
            raise PrecisionError(f"Passed `{call}`. mode must be one of {', '.join(map(repr, MODES))}.")
        if isinstance(ignore_modules, str):
            raise PrecisionError(f"Passed `{call}`. ignore_modules takes a set: write {{{ignore_modules!r}}}.")
        _check_dtype(mode, dtype, call)
        load_layers()
        self.mode: Mode = mode
        self.precision = f"bnb-{mode}"
        self.device = device
        self.dtype = dtype or default_dtype(mode, self._target)
        self.ignore_modules = set(ignore_modules or ())
        self.conversion: Conversion | None = None

    @classmethod
    def from_string(cls, precision: str, *, device: str) -> Self:
        """Return the plugin for ``bnb-nf4`` and so on."""
        mode: Any = precision.removeprefix("bnb-")
        return cls(mode, device=device)

    def compute_dtype(self) -> str:
        """Return the dtype of products and activations."""
        return str(self.dtype).removeprefix("torch.")

    @property
    def report(self) -> str | None:
        """What the latest conversion has done."""
        return None if self.conversion is None else str(self.conversion)

    def setup_bnb_config(self) -> Any:
        """Return the same as a `transformers.BitsAndBytesConfig`, for Hugging Face's `from_pretrained`.

        Raises:
            MissingPackageError: transformers is not installed.
        """
        return quantization_config(self.mode, self.dtype, self.ignore_modules)

    def convert_module(self, module: nn.Module) -> nn.Module:
        """Quantize the Linear layers of a model, in place; one that holds layers of bitsandbytes is left as it is.

        Raises:
            IncompatibleError: There is no Linear layer, or none that can be quantized.
        """
        layers, before = load_layers(), weight_bytes(module)
        present = [name for name, each in module.named_modules() if isinstance(each, layers.QUANTIZED)]
        if present:
            self.conversion = self.conversion or self._converted(tuple(present), {}, before, before)
            return module
        selection = select(module, self.ignore_modules, freezes=self.mode != "int8-training", unfit=self._unfit)
        if not selection.chosen:
            raise self._nothing_to_quantize(module, selection.kept)
        work_device = torch.device(self.device) if self.device not in {None, "cpu"} else None
        for layer in selection.chosen.values():
            layers.quantize(layer, self.mode, self.dtype, work_device)
        self.conversion = self._converted(
            tuple(selection.chosen),
            selection.kept,
            before,
            weight_bytes(module),
            selection.unmatched,
        )
        return module

    def convert_input(self, data: Any) -> Any:
        """Cast floating-point tensors to the compute dtype."""
        return cast_floating(data, self.dtype)

    def convert_output(self, data: Any) -> Any:
        """Cast floating-point tensors to the default dtype."""
        return cast_floating(data, torch.get_default_dtype())

    def forward_context(self) -> AbstractContextManager[Any]:
        """Make the compute dtype the default, and let layers that are not quantized compute in it."""
        if self.dtype is torch.float32:
            return DefaultDtype(self.dtype)
        return _Compute(self.dtype, (self.device,) if self.device else _devices())

    def tensor_init_context(self) -> AbstractContextManager[Any]:
        """Make the compute dtype the default."""
        return DefaultDtype(self.dtype)

    def module_init_context(self) -> AbstractContextManager[Any]:
        """Quantize each `torch.nn.Linear` as soon as it is made.

        Raises:
            IncompatibleError: Modules are to be ignored: a layer does not know its name while it is made.
        """
        if self.ignore_modules:
            raise IncompatibleError(
                "Instantiating your model under the `init_module` context manager is not supported when used with "
                f"`BitsandbytesPrecision(..., ignore_modules={self.ignore_modules})`: a layer does not know its name "
                "while it is made. Leave out `ignore_modules`, or make the model outside and pass it to `setup`.",
            )
        return self._quantized_init()

    @contextmanager
    def _quantized_init(self) -> Iterator[None]:
        layers, linear = load_layers(), nn.Linear
        before = linear.__init__

        @wraps(before)
        def init(layer: nn.Linear, *args: Any, **kwargs: Any) -> None:
            before(layer, *args, **kwargs)
            if type(layer) is linear and not layer.weight.is_meta and self._unfit(layer) is None:
                layers.quantize(layer, self.mode, self.dtype)

        with DefaultDtype(self.dtype):
            linear.__init__ = init  # type: ignore[assignment, method-assign]
            try:
                yield
            finally:
                linear.__init__ = before  # type: ignore[method-assign]

    def _unfit(self, layer: nn.Linear) -> str | None:
        """Say why a layer stays as it is on a CPU: its 4-bit kernel does not take every shape."""
        layers = load_layers()
        fused = layers.FUSED_ON_CPU and self._target == "cpu" and self.dtype is torch.bfloat16
        if is_int8(self.mode) or not fused or layers.fits_fused_kernel(layer.out_features, layer.in_features):
            return None
        return (
            f"{layer.in_features} inputs, {layer.out_features} outputs: the CPU's 4-bit kernel takes multiples of 64 "
            "and 32"
        )

    @property
    def _target(self) -> str:
        return self.device or resolve_device("auto").type

    def _converted(
        self,
        quantized: tuple[str, ...],
        kept: dict[str, str],
        before: int,
        after: int,
        unmatched: tuple[str, ...] = (),
    ) -> Conversion:
        return Conversion(
            precision=self.precision,
            quantized=quantized,
            kept=kept,
            bytes_before=before,
            bytes_after=after,
            unmatched=unmatched,
        )

    def _nothing_to_quantize(self, module: nn.Module, kept: dict[str, str]) -> IncompatibleError:
        name = type(module).__name__
        if not kept:
            return IncompatibleError(
                f"`{type(self).__name__}(mode={self.mode!r})` replaces torch.nn.Linear layers, but your model has no "
                f"Linear layers: {name} would stay as it is. Use another precision.",
            )
        return IncompatibleError(
            f"`{type(self).__name__}(mode={self.mode!r})` would leave {name} as it is, since none of its Linear layers "
            f"can be quantized: {listed(kept)}. Ignore fewer modules, or use another precision.",
        )


class _Compute(AbstractContextManager[None]):
    """The default dtype and autocast to it, entered once a forward."""

    __slots__ = ("_contexts", "_devices", "_dtype")

    def __init__(self, dtype: torch.dtype, devices: tuple[str, ...]) -> None:
        self._dtype = dtype
        self._devices = devices

    def __enter__(self) -> None:
        """Enter all of it."""
        self._contexts = [DefaultDtype(self._dtype), *map(self._autocast, self._devices)]
        for each in self._contexts:
            each.__enter__()

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Restore what was there at entry."""
        for each in reversed(self._contexts):
            each.__exit__(exc_type, exc_value, traceback)

    def _autocast(self, device: str) -> AbstractContextManager[Any]:
        # Casts made without gradients must not be reused by a training forward in the same outer autocast.
        reused = torch.is_grad_enabled() or not torch.is_autocast_enabled(device)
        return torch.autocast(device, dtype=self._dtype, cache_enabled=None if reused else False)


def _devices() -> tuple[str, ...]:
    """Return where a model may be that a plugin for no device in particular runs."""
    return tuple(dict.fromkeys(["cpu", resolve_device("auto").type]))


def _check_dtype(mode: Mode, dtype: torch.dtype | None, call: str) -> None:
    if dtype is None or (is_int8(mode) and dtype is torch.float16):
        return
    if is_int8(mode):
        raise PrecisionError(
            f"Passed `{call}`. {mode!r} only works with `dtype=torch.float16`, but you chose `{dtype}`: LLM.int8() "
            "rounds activations to int8 from float16, whatever they come in. Leave dtype out to keep activations in "
            "what your device computes natively.",
        )
    if dtype not in FOUR_BIT_DTYPES:
        raise PrecisionError(
            f"Passed `{call}`. {mode!r} computes in {', '.join(map(str, FOUR_BIT_DTYPES))}; leave dtype out for the "
            "one that your device computes natively.",
        )
