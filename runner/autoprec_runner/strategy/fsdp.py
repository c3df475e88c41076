"""FSDP 2: every process keeps a shard of each parameter and gathers a layer at a time."""

import dataclasses
import os
from collections import Counter
from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any, ClassVar

import torch
from torch import Tensor, distributed, nn
from torch.distributed.device_mesh import DeviceMesh, init_device_mesh
from torch.distributed.fsdp import FSDPModule, MixedPrecisionPolicy, fully_shard, register_fsdp_forward_method
from torch.distributed.fsdp._fully_shard._fsdp_common import TrainingState
from torch.distributed.tensor import DTensor, distribute_tensor
from torch.optim import Optimizer
from torch.utils.weak import WeakIdKeyDictionary

from autoprec_runner.checkpoint import Stateful, collect, write_checkpoint
from autoprec_runner.errors import PrecisionError
from autoprec_runner.precision.base import Precision
from autoprec_runner.precision.conversion import convert_tensors
from autoprec_runner.precision.fsdp import FSDPPrecision
from autoprec_runner.strategy.distributed import DistributedStrategy
from autoprec_runner.strategy.processes import Processes
from autoprec_runner.strategy.units import Units, blocks, norms
from autoprec_runner.trial import EffectiveDtypes


class FSDPStrategy(DistributedStrategy):
    """Shards parameters, gradients and optimizer state over the processes of the default process group.

    All processes start from the weights of process 0. Optimizers made before `setup` are pointed to the shards.
    Parameters are there, gathered, while the model or a marked method is called, and in shards otherwise.

    Args:
        units: Which submodules are gathered one at a time; by default the members of every ModuleList, ModuleDict and
            Sequential (`autoprec_runner.strategy.units.blocks`).
        mixed_precision: What FSDP is told in place of the plugin's `mixed_precision_config`, such as
            ``MixedPrecisionPolicy(param_dtype=torch.bfloat16, reduce_dtype=torch.float32)``.

    Raises:
        PrecisionError: `mixed_precision` is another object, such as the one of FSDP 1.
    """

    name: ClassVar[str] = "fsdp"

    def __init__(self, *, units: Units = blocks, mixed_precision: MixedPrecisionPolicy | None = None) -> None:
        if mixed_precision is not None and not isinstance(mixed_precision, MixedPrecisionPolicy):
            raise PrecisionError(
                f"mixed_precision={mixed_precision!r} is none of FSDP 2. Give torch.distributed.fsdp."
                "MixedPrecisionPolicy(param_dtype=..., reduce_dtype=...); buffers keep their dtype.",
            )
        self._units = units
        self._mixed_precision = mixed_precision
        self._mesh: DeviceMesh | None = None
        self._policy = MixedPrecisionPolicy()
        self._reduced = Counter[str]()
        # The parameters that a module had before it was sharded, to those that it has now.
        self._sharded: Any = WeakIdKeyDictionary()

    @classmethod
    def precision(cls, precision: str, *, device: str) -> Precision:
        """Return the plugin for a canonical precision string on a device type."""
        return FSDPPrecision.from_string(precision, device=device)

    def connect(self, device: torch.device) -> torch.device:
        """Join the process group, or make one."""
        self._processes = Processes.join(device)
        self._mesh = init_device_mesh(device.type, (self._processes.world_size,))
        return self._processes.device

    def setup_module(self, module: nn.Module, plugin: Precision) -> nn.Module:
        """Shard a module in place, unit by unit, from the inside out."""
        assert isinstance(plugin, FSDPPrecision), "resolve_precision() lets no other plugin through"
        policy = self._mixed_precision or plugin.mixed_precision_config
        self._start_alike(module)
        before = dict(module.named_parameters(remove_duplicate=False))
        # As under FSDP 1, only what enters the model is cast: further in, autocast and the model's own code decide.
        inside = dataclasses.replace(policy, cast_forward_inputs=False)
        if plugin.precision.endswith("-mixed"):
            for norm in norms(module, device=self._joined.device.type):
                if norm is not module:
                    self._shard(norm, MixedPrecisionPolicy(cast_forward_inputs=False))
        for unit in self._units(module):
            if unit is not module and not isinstance(unit, FSDPModule):
                self._shard(unit, inside)
        module.register_forward_pre_hook(_refuse_inference_mode)
        self._shard(module, policy)
        for name, parameter in module.named_parameters(remove_duplicate=False):
            self._sharded[before[name]] = parameter
        self._policy = policy
        return module

    def setup_optimizer(self, optimizer: Optimizer) -> Optimizer:
        """Point an optimizer to the shards of its parameters.

        Raises:
            PrecisionError: It has a state for the parameters as they were.
        """
        for group in optimizer.param_groups:
            stale = [each for each in group["params"] if each in self._sharded]
            if any(each in optimizer.state for each in stale):
                raise PrecisionError(
                    f"{type(optimizer).__name__} has a state for parameters that are sharded now. "
                    "Set it up before its first step, and load its state after setup().",
                )
            # In place: some optimizers keep the list.
            group["params"][:] = [self._sharded.get(each, each) for each in group["params"]]
        return optimizer

    def setup_method(self, module: nn.Module, name: str) -> Any:
        """Gather the parameters around the method as around a call of the module."""
        if name == "forward":
            return _gathering_forward(module)
        register_fsdp_forward_method(module, name)
        return module.__dict__[name]

    def effective_dtypes(
        self,
        observed: EffectiveDtypes,
        module: nn.Module,  # noqa: ARG002 (the contract)
        optimizer: Optimizer | None,  # noqa: ARG002 (the contract)
    ) -> EffectiveDtypes:
        """Add in which dtypes FSDP casts inputs and reduces gradients."""
        cast = self._policy.param_dtype if self._policy.cast_forward_inputs else None
        return observed.model_copy(
            update={
                "reduction": ", ".join(name for name, _ in self._reduced.most_common()) or None,
                "inputs": observed.inputs if cast is None else _name(cast),
            },
        )

    def state_of(self, stateful: Stateful) -> dict[str, Any]:
        """Return the whole state on the CPU of process 0, and its frame without numbers in the others."""
        return dict(convert_tensors(stateful.state_dict(), self._whole))

    def load_state(self, stateful: Stateful, state: dict[str, Any]) -> None:
        """Let this process take its shards out of a whole state."""
        if isinstance(stateful, nn.Module):
            present = stateful.state_dict()
            state = {name: _shard_like(value, present.get(name)) for name, value in state.items()}
        elif isinstance(stateful, Optimizer):
            state = {**state, "state": _sharded_state(state["state"], stateful)}
        stateful.load_state_dict(state)

    def save(self, path: str | os.PathLike[str], state: Mapping[str, Any], plugin: Precision) -> None:
        """Let process 0 write a checkpoint that one process could have written.

        Raises:
            PrecisionError: Process 0 could not write it.
        """
        content = collect(state, plugin, self.state_of)
        failure: Exception | None = None
        if self.rank == 0:
            try:
                write_checkpoint(path, content)
            except Exception as error:  # noqa: BLE001 (raised below, once the others know)
                failure = error
        told = self._joined.tell(None if failure is None else f"{type(failure).__name__}: {failure}")
        if failure is not None:
            raise failure
        if told is not None:
            raise PrecisionError(f"Process 0 could not write {os.fspath(path)}: {told}")

    def close(self) -> None:
        """Leave the process group, if it was made here."""
        if self._processes is not None:
            self._processes.leave()

    @torch.no_grad()
    def _start_alike(self, module: nn.Module) -> None:
        """Give every process the weights and buffers of process 0, of which its shards are then cut."""
        if self.world_size > 1:
            for tensor in (*module.parameters(), *module.buffers()):
                whole = tensor.detach().contiguous()
                distributed.broadcast(whole, src=0)
                tensor.copy_(whole)

    def _shard(self, module: nn.Module, policy: MixedPrecisionPolicy) -> None:
        for parameter in module.parameters():
            if not isinstance(parameter, DTensor):
                self._reduced[_name(policy.reduce_dtype or policy.param_dtype or parameter.dtype)] += 1
        try:
            fully_shard(module, mesh=self._mesh, mp_policy=policy)
        except (ValueError, NotImplementedError, AssertionError) as error:
            raise PrecisionError(f"FSDP cannot shard {type(module).__name__}: {error}") from error

    def _whole(self, tensor: Tensor) -> Tensor:
        whole = tensor.full_tensor() if isinstance(tensor, DTensor) else tensor
        return whole.cpu() if self.rank == 0 else torch.empty(0)


def _gathering_forward(module: nn.Module) -> Callable[..., Any]:
    """Return the module's `forward`, which calls the module if it is called itself: only a call gathers parameters."""
    assert isinstance(module, FSDPModule), "setup_module() has sharded it"
    state = module._get_fsdp_state()  # noqa: SLF001 (there is no public way to tell)
    forward = module.__dict__.get("forward") or module.forward

    @wraps(forward)
    def gathering(*args: Any, **kwargs: Any) -> Any:
        idle = state._training_state is TrainingState.IDLE  # noqa: SLF001
        return nn.Module.__call__(module, *args, **kwargs) if idle else forward(*args, **kwargs)

    return gathering


def _refuse_inference_mode(module: nn.Module, _: Any) -> None:
    if torch.is_inference_mode_enabled():
        raise PrecisionError(
            f"FSDP cannot gather the parameters of {type(module).__name__} under torch.inference_mode(): what it "
            "gathers is kept for later forwards. Use torch.no_grad().",
        )


def _shard_like(whole: Any, present: Any) -> Any:
    if not isinstance(present, DTensor) or not isinstance(whole, Tensor):
        return whole
    if whole.shape != present.shape:
        return whole  # load_state_dict says which one does not fit
    return distribute_tensor(whole.to(present.device), present.device_mesh, present.placements, src_data_rank=None)


def _sharded_state(state: Mapping[int, Mapping[str, Any]], optimizer: Optimizer) -> dict[int, dict[str, Any]]:
    parameters = [each for group in optimizer.param_groups for each in group["params"]]
    return {
        index: {
            key: value if key == "step" else _shard_like(value, parameters[index]) for key, value in entries.items()
        }
        for index, entries in state.items()
    }


def _name(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")
