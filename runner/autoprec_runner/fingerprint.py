"""The identity of a model's structure, by which results of other runs and machines are found again.

Equal for equal structure, whatever the weights, the seed, the device and the process. Different as soon as something
differs that a precision could act on: shapes, dtypes, sharing, buffers, the modules' types, names and order, what is
trained, their settings (activation, attention implementation), or the code that a forward reaches.

What is trained counts, because a trial of a frozen base (adapters) is another one: it has no gradients and no optimizer
state, and its weights can be quantized. What a module's own code stores on it (a counter, a cache) does not count.
"""

import re
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from autoprec_runner.workload.identity import digest, identity, is_plain, methods_identity, reach, type_name

_INTERNAL = frozenset(vars(nn.Module()))
_ADDRESS = re.compile(r" at 0x[0-9a-f]+")
_VOLATILE = frozenset({"name_or_path", "generation_config"})
_ENTRIES = ("forward", "__call__")


def model_fingerprint(model: nn.Module) -> str:
    """Return 16 hexadecimal digits for the structure of `model`.

    Take it before an engine sets the model up: a wrapped forward is another structure. Code is compared as bytecode,
    so a class of the user's has another fingerprint under another minor version of Python. Values in private attributes
    (`self._scale`) count where the code of a forward mentions them and they are numbers, texts or functions; those in
    public ones always do.

    Moving to the meta device unties weights that several modules share (`nn.Module.to` makes a new parameter for each),
    and so changes the fingerprint; make such a model under `torch.device("meta")` instead.
    """
    reached = reach({type(each) for each in model.modules()}, _ENTRIES)
    return digest(_Fingerprint(reached.loaded | set(_ENTRIES)).of(model))


@dataclass
class _Fingerprint:
    """One walk over a model. Whatever has been met before is told by its first name."""

    names: frozenset[str]
    """Every attribute that some forward of the model mentions, and so every method that it may call."""
    modules: dict[int, str] = field(default_factory=dict)
    tensors: dict[int, str] = field(default_factory=dict)
    methods: dict[type, Any] = field(default_factory=dict)
    stored: dict[type, frozenset[str]] = field(default_factory=dict)

    def of(self, model: nn.Module) -> Any:
        return [
            [name, _alias(self.modules, id(module), name) or self._module(module, name)]
            for name, module in model.named_modules(remove_duplicate=False)
        ]

    def _module(self, module: nn.Module, name: str) -> Any:
        return {
            "type": type_name(type(module)),
            "parameters": [self._tensor(each, f"{name}.{key}") for key, each in module._parameters.items()],  # noqa: SLF001 (parameters() hides None and sharing)
            "buffers": [self._tensor(each, f"{name}.{key}") for key, each in module._buffers.items()],  # noqa: SLF001
            "settings": identity(self._settings(module)),
            "text": _text(module),
            "forward": identity(module.forward),
            "methods": self._methods(type(module)),
            "hooks": identity(_hooks(module)),
        }

    def _tensor(self, tensor: Tensor | None, name: str) -> Any:
        if tensor is None:
            return [name, None]
        shape = "lazy" if is_lazy(tensor) else list(tensor.shape)
        alias = _alias(self.tensors, id(tensor), name)
        return [name, alias or [shape, str(tensor.dtype), str(tensor.layout), tensor.requires_grad]]

    def _settings(self, module: nn.Module) -> dict[str, Any]:
        kind = type(module)
        if kind not in self.stored:
            self.stored[kind] = reach({kind}, self.names).stored
        left_out = _INTERNAL | _VOLATILE | self.stored[kind]
        own = {key: value for key, value in vars(module).items() if key not in left_out}
        return {key: value for key, value in own.items() if not key.startswith("_") or self._counts(key, value)}

    def _counts(self, name: str, value: object) -> bool:
        """Tell whether what is in a private attribute is a setting that some forward may look at."""
        return name in self.names and is_plain(value)

    def _methods(self, kind: type) -> Any:
        """Describe the methods that some forward of the model may call; `forward` itself is told of the instance."""
        if kind not in self.methods:
            self.methods[kind] = methods_identity(kind, self.names - {"forward"})
        return self.methods[kind]


def _alias(seen: dict[int, str], key: int, name: str) -> str | None:
    """Return the first name of something that was met before, or remember it and return None."""
    first = seen.setdefault(key, name)
    return None if first == name else f"same as {first}"


def _hooks(module: nn.Module) -> list[Any]:
    """Return what runs beside forward and backward."""
    forward = [*module._forward_pre_hooks.values(), *module._forward_hooks.values()]  # noqa: SLF001
    backward = [*module._backward_pre_hooks.values(), *module._backward_hooks.values()]  # noqa: SLF001
    return [forward, backward]


def _text(module: nn.Module) -> str:
    if isinstance(module, nn.ParameterList | nn.ParameterDict):
        return ""  # it names the device; the parameters are told elsewhere
    return _ADDRESS.sub("", module.extra_repr())
