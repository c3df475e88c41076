"""What every framework is to be given for one candidate."""

from collections.abc import Callable, Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import Any

from pydantic import BaseModel, ConfigDict

from autoprec_probe.candidate import Candidate, Device
from autoprec_runner.trial import Mode
from autoprec_service.errors import ExportError
from autoprec_service.frameworks.deepspeed import deepspeed
from autoprec_service.frameworks.fsdp import fsdp
from autoprec_service.frameworks.hugging_face import accelerate, transformers
from autoprec_service.frameworks.lightning import fabric, trainer
from autoprec_service.frameworks.plain import torch


class FrameworkArguments(BaseModel):
    """The arguments of one framework's constructor, or why it has none that say the same."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    constructor: str
    """What takes the arguments."""
    arguments: dict[str, Any] | None = None
    """As JSON: a dtype is torch's name without its prefix. None where the framework cannot express the candidate."""
    refusal: str | None = None
    """Why there are none, and the way out."""


_CONSTRUCTORS = {
    "fabric": "lightning.fabric.Fabric",
    "trainer": "lightning.Trainer",
    "accelerate": "accelerate.Accelerator",
    "transformers": "transformers.TrainingArguments",
    "deepspeed": "a DeepSpeed config",
    "fsdp": "torch.distributed.fsdp.MixedPrecisionPolicy",
    "torch": "torch.autocast, torch.amp.GradScaler, model.to",
}


@lru_cache(maxsize=1024)
def framework_arguments(candidate: Candidate, device: Device, mode: Mode) -> Mapping[str, FrameworkArguments]:
    """Return the arguments of each framework by its name, or its refusal."""
    makers: Mapping[str, Callable[[], dict[str, Any]]] = {
        "fabric": lambda: fabric(candidate, device),
        "trainer": lambda: trainer(candidate, device),
        "accelerate": lambda: accelerate(candidate, device),
        "transformers": lambda: transformers(candidate, device, mode),
        "deepspeed": lambda: deepspeed(candidate),
        "fsdp": lambda: fsdp(candidate),
        "torch": lambda: torch(candidate, device, mode),
    }
    return MappingProxyType({name: _made(_CONSTRUCTORS[name], make) for name, make in makers.items()})


def _made(constructor: str, make: Callable[[], dict[str, Any]]) -> FrameworkArguments:
    try:
        return FrameworkArguments(constructor=constructor, arguments=make())
    except ExportError as error:
        return FrameworkArguments(constructor=constructor, refusal=str(error))
