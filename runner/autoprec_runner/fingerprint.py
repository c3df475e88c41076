"""The identity of a model's structure, by which results of other runs and machines are found again.

Equal for equal structure, whatever the weights, the seed, the device and the process. Different as soon as something
differs that a precision could act on: shapes, dtypes, sharing, buffers, the modules' types, names and order, what is
trained, their settings (activation, attention implementation), or the code of a forward.
"""

import re
from typing import Any

from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from autoprec_runner.workload.identity import digest, identity, type_name

_INTERNAL = frozenset(vars(nn.Module()))
_ADDRESS = re.compile(r" at 0x[0-9a-f]+")
_VOLATILE = frozenset({"name_or_path", "generation_config"})


def model_fingerprint(model: nn.Module) -> str:
    """Return 16 hexadecimal digits for the structure of `model`.

    Take it before an engine sets the model up: a wrapped forward is another structure. Code is compared as bytecode,
    so a class of the user's has another fingerprint under another minor version of Python. Plain values in private
    attributes (`self._scale`) are not looked at; those in public ones are.
    """
    modules: dict[int, str] = {}
    tensors: dict[int, str] = {}
    entries = [
        [name, _alias(modules, module, name) or _module(module, name, tensors)]
        for name, module in model.named_modules(remove_duplicate=False)
    ]
    return digest(entries)


def _alias(seen: dict[int, str], value: object, name: str) -> str | None:
    """Return the first name of something that was met before, or remember it and return None."""
    first = seen.setdefault(id(value), name)
    return None if first == name else f"same as {first}"


def _module(module: nn.Module, name: str, tensors: dict[int, str]) -> Any:
    return {
        "type": type_name(type(module)),
        "parameters": [_tensor(each, f"{name}.{key}", tensors) for key, each in module._parameters.items()],  # noqa: SLF001 (parameters() hides None and sharing)
        "buffers": [_tensor(each, f"{name}.{key}", tensors) for key, each in module._buffers.items()],  # noqa: SLF001
        "settings": identity(_settings(module)),
        "text": _text(module),
        "forward": identity(module.forward),
        "hooks": identity([*module._forward_pre_hooks.values(), *module._forward_hooks.values()]),  # noqa: SLF001
    }


def _tensor(tensor: Tensor | None, name: str, seen: dict[int, str]) -> Any:
    if tensor is None:
        return [name, None]
    shape = "lazy" if is_lazy(tensor) else list(tensor.shape)
    alias = _alias(seen, tensor, name)
    return [name, alias or [shape, str(tensor.dtype), str(tensor.layout), tensor.requires_grad]]


def _settings(module: nn.Module) -> dict[str, Any]:
    own = {key: value for key, value in vars(module).items() if not key.startswith("_")}
    return {key: value for key, value in own.items() if key not in _INTERNAL | _VOLATILE}


def _text(module: nn.Module) -> str:
    if isinstance(module, nn.ParameterList | nn.ParameterDict):
        return ""  # it names the device; the parameters are told elsewhere
    return _ADDRESS.sub("", module.extra_repr())
