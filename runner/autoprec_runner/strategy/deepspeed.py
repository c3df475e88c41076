"""DeepSpeed: its engine owns backward, reduction, clipping and the step; ZeRO shards what the optimizer needs."""

import importlib
import os
from collections.abc import Mapping, MutableMapping, Sequence
from typing import Any, ClassVar

import torch
from torch import nn
from torch.optim import Optimizer

from autoprec_runner.checkpoint import PRECISION_KEY, Stateful, collect, restore
from autoprec_runner.errors import PrecisionError
from autoprec_runner.optimizer import unwrapped
from autoprec_runner.precision.base import Precision
from autoprec_runner.precision.deepspeed import DeepSpeedPrecision
from autoprec_runner.strategy.base import OptimizerFactory, made_optimizer
from autoprec_runner.strategy.deepspeed_library import (
    dtype_name,
    forget_autocast,
    hold_local_rank,
    load_deepspeed,
    master_dtypes,
    reduction_dtypes,
    release_local_rank,
)
from autoprec_runner.strategy.distributed import DistributedStrategy
from autoprec_runner.strategy.inside_forward import InsideForward
from autoprec_runner.strategy.processes import Processes
from autoprec_runner.trial import EffectiveDtypes

ZERO_STAGES = (0, 1, 2, 3)
_TAG = "checkpoint"


class DeepSpeedStrategy(DistributedStrategy):
    """Hands model and optimizer, together, to `deepspeed.initialize`; `setup` returns the DeepSpeedEngine.

    Losses go through `engine.backward`, any number of them before an `optimizer.step()`. Checkpoints are DeepSpeed's
    own folders, which only it can load, and which it unpickles: load only what you trust.

    Args:
        zero_stage: What is sharded: 0 nothing, 1 optimizer state, 2 gradients too, 3 parameters too. At stage 0, while
            it is set up, DeepSpeed's half-precision optimizer makes a step with zero gradients: Adam's bias correction
            is one step ahead then.
        gradient_clipping: The largest norm of all gradients; None leaves them alone (DeepSpeed would clip at 1).
        config: More of DeepSpeed's config; it goes before what the other arguments say.
    """

    name: ClassVar[str] = "deepspeed"

    def __init__(
        self,
        *,
        zero_stage: int = 2,
        gradient_clipping: float | None = None,
        config: Mapping[str, Any] | None = None,
    ) -> None:
        if zero_stage not in ZERO_STAGES:
            raise PrecisionError(f"zero_stage={zero_stage!r} is unknown to DeepSpeed; allowed: 0, 1, 2, 3.")
        if gradient_clipping is not None and gradient_clipping <= 0:
            raise PrecisionError(f"gradient_clipping={gradient_clipping!r} must be a norm above 0, or None.")
        self.zero_stage = zero_stage
        self._gradient_clipping = gradient_clipping
        self._config = dict(config or {})
        self._engines: list[Any] = []

    @classmethod
    def precision(cls, precision: str, *, device: str) -> Precision:
        """Return the plugin for a canonical precision string on a device type."""
        return DeepSpeedPrecision.from_string(precision, device=device)

    def connect(self, device: torch.device) -> torch.device:
        """Load DeepSpeed for the device and join the process group, or make one.

        Raises:
            PrecisionError: DeepSpeed is not installed, or is bound to another device in this process.
        """
        deepspeed = load_deepspeed(device.type)
        bound = deepspeed.accelerator.get_accelerator().device_name()
        if bound != device.type:
            raise PrecisionError(
                f"DeepSpeed uses {bound!r} in this process, but the engine runs on {device.type!r}. It chooses "
                f"once, when it is first imported: set the environment variable DS_ACCELERATOR={device.type} before.",
            )
        hold_local_rank(self)
        self._processes = Processes.join(device)
        deepspeed.init_distributed(
            dist_backend=torch.distributed.get_default_backend_for_device(device.type),
            auto_mpi_discovery=False,
            verbose=False,
        )
        return self._processes.device

    def setup(
        self,
        module: nn.Module,
        optimizers: Sequence[Optimizer | OptimizerFactory],
        plugin: Precision,
    ) -> tuple[nn.Module, list[Optimizer]]:
        """Return the DeepSpeedEngine around the module, and the optimizer that it steps.

        Raises:
            PrecisionError: There are several optimizers, or DeepSpeed refuses the precision on this device.
        """
        if len(optimizers) > 1:
            raise PrecisionError(
                f"DeepSpeed steps one optimizer for a model, got {len(optimizers)}. Join their groups."
            )
        made = [made_optimizer(each, module) for each in optimizers]
        config = self.config_for(plugin, training=bool(made))
        forget_autocast()
        try:
            engine, *_ = importlib.import_module("deepspeed").initialize(
                model=module,
                optimizer=made[0] if made else None,
                config=config,
            )
        except (ValueError, AssertionError, NotImplementedError) as error:
            raise PrecisionError(f"DeepSpeed refuses {plugin.precision}: {error}") from error
        self._engines.append(engine)
        return engine, made

    def config_for(self, plugin: Precision, *, training: bool = True) -> dict[str, Any]:
        """Return DeepSpeed's config for a precision.

        Raises:
            PrecisionError: DeepSpeed would clip gradients that it has not unscaled yet.
        """
        assert isinstance(plugin, DeepSpeedPrecision), "resolve_precision() lets no other plugin through"
        # Without an optimizer there is nothing to shard but parameters.
        stage = self.zero_stage if training or self.zero_stage == max(ZERO_STAGES) else 0
        if plugin.precision == "16-mixed" and self._gradient_clipping and stage > 0:
            raise PrecisionError(
                f"gradient_clipping={self._gradient_clipping!r} with 16-mixed and zero_stage={stage}: DeepSpeed clips "
                "before it unscales, which makes every update tiny. Use zero_stage=0, bf16-mixed or 16-true.",
            )
        return {
            "train_micro_batch_size_per_gpu": 1,  # for its throughput logs only
            "managed_gradient_accumulation": False,  # the user's step() is the boundary
            "zero_allow_untested_optimizer": True,
            "zero_optimization": {"stage": stage},
            "gradient_clipping": self._gradient_clipping or 0.0,
            **plugin.config,
            **self._config,
        }

    def setup_module(self, module: nn.Module, plugin: Precision) -> nn.Module:
        """Return the DeepSpeedEngine around a module that is not trained."""
        return self.setup(module, [], plugin)[0]

    def setup_optimizer(self, optimizer: Optimizer) -> Optimizer:
        """Refuse: DeepSpeed takes model and optimizer together.

        Raises:
            PrecisionError: The optimizer is not one that a model was set up with.
        """
        raise PrecisionError(
            f"DeepSpeed takes model and optimizer together: call engine.setup(model, optimizer), not setup() of "
            f"{type(optimizer).__name__} on its own.",
        )

    def setup_method(self, module: nn.Module, name: str) -> Any:
        """Run the method inside a forward of the DeepSpeedEngine, in place of the model's `forward`."""
        return super().setup_method(module, name) if name == "forward" else InsideForward(module, name)

    def stepper(self, module: nn.Module | None = None) -> nn.Module | None:
        """Return the DeepSpeedEngine of a module; of the only one if none is named.

        Raises:
            PrecisionError: It cannot be told which one is meant.
        """
        candidates = [each for each in self._engines if module is None or module in (each, each.module)]
        if len(candidates) != 1:
            raise PrecisionError(
                f"Which of {len(self._engines)} set-up models is meant? Say so: engine.backward(loss, model=model)."
                if self._engines
                else "Nothing is set up yet; call engine.setup(model, optimizer) first.",
            )
        engine: nn.Module = candidates[0]
        return engine

    def effective_dtypes(
        self,
        observed: EffectiveDtypes,
        module: nn.Module,
        optimizer: Optimizer | None,
    ) -> EffectiveDtypes:
        """Add what DeepSpeed keeps for itself: gradients, master weights, the dtype of its communication."""
        engine: Any = self.stepper(module)
        _, accumulated = engine.get_data_types()
        trains = optimizer is not None
        updated = ", ".join(master_dtypes(engine))
        return observed.model_copy(
            update={
                "gradients": dtype_name(accumulated) if trains else None,
                "reduction": ", ".join(reduction_dtypes(engine)) if trains else None,
                "master_weights": updated if trains and updated != observed.parameters else None,
            },
        )

    def save(self, path: str | os.PathLike[str], state: Mapping[str, Any], plugin: Precision) -> None:
        """Let DeepSpeed write its folder; what is neither model nor its optimizer travels as client state.

        Raises:
            PrecisionError: The state holds no model that was set up here.
        """
        engine = self._engine_in(state)
        rest = {key: value for key, value in state.items() if not self._is_saved_by(engine, value)}
        engine.save_checkpoint(os.fspath(path), tag=_TAG, client_state={"autoprec": collect(rest, plugin, _own_state)})

    def load(
        self,
        path: str | os.PathLike[str],
        state: MutableMapping[str, Any] | None,
        plugin: Precision,
        *,
        strict: bool = True,
    ) -> dict[str, Any]:
        """Let DeepSpeed read its folder into the model and optimizer of `state`.

        Raises:
            PrecisionError: The state holds no model that was set up here, or DeepSpeed finds no checkpoint.
        """
        engine = self._engine_in(state or {})
        assert state is not None, "it holds a model"
        rest = {key: value for key, value in state.items() if not self._is_saved_by(engine, value)}
        found, client = engine.load_checkpoint(
            os.fspath(path),
            tag=_TAG,
            load_module_strict=strict,
            load_optimizer_states=any(isinstance(each, Optimizer) for each in state.values()),
        )
        if found is None:
            raise PrecisionError(f"{os.fspath(path)} holds no checkpoint that DeepSpeed can load.")
        content: dict[str, Any] = client["autoprec"]
        if not rest:
            plugin.load_state_dict(content.pop(PRECISION_KEY, {}))
            return content
        left = restore(content, rest, plugin, _load_own_state, path=path, strict=strict)
        state.update(rest)
        return left

    def close(self) -> None:
        """End the DeepSpeedEngines, and leave the process group if it was made here."""
        while self._engines:
            self._engines.pop().destroy()
        if self._processes is not None and self._processes.joined_here:
            comm: Any = importlib.import_module("deepspeed.comm")
            comm.destroy_process_group()
            comm.comm.cdb = None
            self._processes.joined_here = False
        release_local_rank(self)

    def _engine_in(self, state: Mapping[str, Any]) -> Any:
        found = [each for each in state.values() if any(each is engine for engine in self._engines)]
        if len(found) != 1:
            raise PrecisionError(
                f"A checkpoint of DeepSpeed holds one model that engine.setup() returned; the state has {len(found)}.",
            )
        return found[0]

    def _is_saved_by(self, engine: Any, value: Any) -> bool:
        return value is engine or (isinstance(value, Optimizer) and unwrapped(value) is engine.client_optimizer)


def _own_state(stateful: Stateful) -> dict[str, Any]:
    return stateful.state_dict()


def _load_own_state(stateful: Stateful, state: dict[str, Any]) -> None:
    stateful.load_state_dict(state)
