"""The processes that share a step: joined through torch.distributed, left when the engine is closed."""

import atexit
import os
from dataclasses import dataclass
from typing import Self

import torch
from torch import distributed

from autoprec_runner.errors import PrecisionError

_RENDEZVOUS = ("RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")
"""What launchers such as torchrun put into the environment."""


@dataclass(kw_only=True)
class Processes:
    """This process among those of the default process group."""

    rank: int
    world_size: int
    device: torch.device
    joined_here: bool
    """Whether the process group was made by `join`, and ends with `leave`."""

    @classmethod
    def join(cls, device: torch.device) -> Self:
        """Return the process group that is there, or make one.

        One is made from the environment (``RANK``, ``WORLD_SIZE``, ``MASTER_ADDR``, ``MASTER_PORT``), with gloo for a
        CPU and what torch names for the device otherwise; without any of these this process is alone in it.

        Raises:
            PrecisionError: This build of torch cannot do it, or the environment is incomplete.
        """
        if not distributed.is_available():
            raise PrecisionError(f"torch {torch.__version__} was built without torch.distributed; use another build.")
        there = distributed.is_initialized()
        device = _own_device(device)
        if not there:
            _make_group(device)
        joined = cls(
            rank=distributed.get_rank(),
            world_size=distributed.get_world_size(),
            device=device,
            joined_here=not there,
        )
        # The threads of a group that is still there when the interpreter ends would abort the process.
        atexit.register(joined.leave)
        return joined

    def tell(self, message: str | None) -> str | None:
        """Return what process 0 has to say; every process calls this."""
        said = [message]
        distributed.broadcast_object_list(said, src=0, device=self.device)
        return said[0]

    def leave(self) -> None:
        """End the process group if it was made here. Leaving twice does nothing."""
        if self.joined_here and distributed.is_initialized():
            distributed.destroy_process_group()
        self.joined_here = False


def _make_group(device: torch.device) -> None:
    missing = [name for name in _RENDEZVOUS if name not in os.environ]
    backend = "gloo" if device.type == "cpu" else f"cpu:gloo,{_backend_for(device)}"
    if not missing:
        distributed.init_process_group(backend)
    elif not {"RANK", "WORLD_SIZE"}.isdisjoint(os.environ):
        raise PrecisionError(
            f"The environment says that there are several processes, but not {', '.join(missing)}. Start them with "
            f"torchrun, which sets {', '.join(_RENDEZVOUS)}, or unset all of these to run alone.",
        )
    else:
        alone = distributed.HashStore()  # type: ignore[attr-defined]
        distributed.init_process_group(backend, store=alone, rank=0, world_size=1)


def _backend_for(device: torch.device) -> str:
    return f"{device.type}:{distributed.get_default_backend_for_device(device.type)}"


def _own_device(device: torch.device) -> torch.device:
    """Return this process's device of several: that of its number on this machine, as launchers tell it."""
    if device.type == "cpu" or "LOCAL_RANK" not in os.environ:
        return device
    own = torch.device(device.type, int(os.environ["LOCAL_RANK"]))
    torch.get_device_module(device.type).set_device(own)
    return own
