"""The engine: a model and its optimizers, run in one precision on one device."""

import os
from collections.abc import Iterable, Mapping, MutableMapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from types import MethodType
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from autoprec_probe.candidate import Candidate, MatmulPrecision
from autoprec_runner.chosen import AUTO, chosen_candidate
from autoprec_runner.compiling import CompiledMethod
from autoprec_runner.effective import observe_effective_dtypes
from autoprec_runner.errors import PrecisionError
from autoprec_runner.forward import PrecisionMethod, precision_method
from autoprec_runner.initialization import InitContext
from autoprec_runner.optimizer import EngineOptimizer, unwrapped
from autoprec_runner.precision.base import Precision
from autoprec_runner.precision.contexts import Float32Matmul
from autoprec_runner.precision.conversion import move_to_device
from autoprec_runner.precision.resolve import resolve_precision
from autoprec_runner.strategy.base import OptimizerFactory, made_optimizer
from autoprec_runner.strategy.registry import make_strategy
from autoprec_runner.trial import EffectiveDtypes

_MATMUL_PRECISIONS = (None, "highest", "high", "medium")


class Engine:
    """Runs a model in one precision, with the training loop left to the user.

    Args:
        precision: A precision string, an alias or a plugin. None for what `autoprec run SCRIPT --precision …` chose, or
            ``32-true`` without that; ``auto`` for the same, and an error without that.
        strategy: Who owns the step: ``single``, ``xla`` for what XLA compiles, above all on a TPU, or ``fsdp`` or
            ``deepspeed`` in processes that share the model.
        accelerator: ``auto``, ``cpu``, ``gpu``, ``cuda``, ``xpu``, ``mps``, or one device such as ``cuda:1``; under
            ``xla`` ``auto``, ``xla``, ``tpu`` or ``cpu``.
        plugins: A precision plugin, in place of `precision`.
        matmul_precision: What float32 matrix products may use inside forward and backward; None leaves torch's setting.
        compile: Whether to compile the forward pass with `torch.compile`, inside what the precision puts around it.
        keep_fp32: Qualified names of modules that stay in float32 below a mixed or true half precision.
        options: What the strategy takes, such as ``zero_stage=2`` for ``deepspeed``; see its class.

    Raises:
        PrecisionError: Something that was asked for is unknown, missing on this machine, or contradicts another option.
    """

    def __init__(
        self,
        precision: str | int | Precision | None = None,
        strategy: str = "single",
        accelerator: str = "auto",
        plugins: Precision | Sequence[Precision] | None = None,
        matmul_precision: MatmulPrecision | None = None,
        *,
        compile: bool = False,  # noqa: A002 (the name that PyTorch gave it)
        keep_fp32: Iterable[str] = (),
        **options: Any,
    ) -> None:
        chosen = _chosen(precision, plugins, strategy)
        if chosen is not None:
            precision, compile = chosen.precision, compile or chosen.compile  # noqa: A001 (see above)
            keep_fp32 = (*_names(keep_fp32), *chosen.keep_fp32)
            if chosen.matmul_precision != "highest":
                matmul_precision = matmul_precision or chosen.matmul_precision
        if matmul_precision not in _MATMUL_PRECISIONS:
            raise PrecisionError(
                f"Unknown matmul_precision {matmul_precision!r}; allowed: highest, high, medium, or None.",
            )
        self._strategy = make_strategy(strategy, options)
        if matmul_precision not in {None, *self._strategy.matmul_precisions}:
            raise PrecisionError(
                f"matmul_precision={matmul_precision!r} does not reach strategy={strategy!r}; allowed: "
                f"{', '.join(self._strategy.matmul_precisions)}, or None.",
            )
        device = self._strategy.device(accelerator)
        self._matmul_precision = matmul_precision
        self._plugin = resolve_precision(_choose(precision, plugins), device=device.type, strategy=strategy)
        if compile and strategy != "single":
            raise PrecisionError(
                f"compile=True is for strategy='single', not {strategy!r}. Compile the model's parts before setup().",
            )
        self._compile = compile
        self._compiled: list[CompiledMethod] = []
        if compile:
            self._plugin.expect_compilation()
        if kept := _names(keep_fp32):
            self._plugin.keep_modules(kept)
        self._device = self._strategy.connect(device)

    @property
    def precision_plugin(self) -> Precision:
        """The plugin that this engine runs everything through."""
        return self._plugin

    @property
    def device(self) -> torch.device:
        """The device that models are moved to."""
        return self._device

    @property
    def strategy(self) -> str:
        """Who owns the step."""
        return self._strategy.name

    @property
    def rank(self) -> int:
        """The number of this process among those that share the step; 0 is the one that writes files."""
        return self._strategy.rank

    @property
    def world_size(self) -> int:
        """How many processes share the step."""
        return self._strategy.world_size

    @property
    def matmul_precision(self) -> MatmulPrecision | None:
        """What float32 matrix products may use inside forward and backward."""
        return self._matmul_precision

    def setup(
        self,
        model: nn.Module,
        *optimizers: Optimizer | OptimizerFactory,
        move_to_device: bool = True,
    ) -> Any:
        """Set up a model and its optimizers.

        Args:
            model: The model; its `forward` is run in this precision from now on. Doing so again changes nothing.
            optimizers: Its optimizers, or callables that make one of the model once it is in its final form.
            move_to_device: Whether to move the model to the engine's device.

        Returns:
            The model, or the model and its optimizers as a tuple if there are any.

        Raises:
            PrecisionError: Not a module, one that another engine has set up, or what is no optimizer.
        """
        if not isinstance(model, nn.Module):
            raise PrecisionError(f"setup() takes a torch.nn.Module first, got {type(model).__name__}.")
        present = precision_method(model)
        if present is not None:
            model = self._accept_set_up(model, present)
            return (model, *(self._setup_optimizer(each, model) for each in optimizers)) if optimizers else model
        given = [self._accept_optimizer(each) for each in optimizers]
        model = self._plugin.convert_module(model)
        if move_to_device:
            model = self._strategy.move(model, self._device)
        model, made = self._strategy.setup(model, given, self._plugin)
        self._put_precision_on(model, "forward")
        return (model, *(self._through_plugin(each, model) for each in made)) if made else model

    def setup_module(self, model: nn.Module, *, move_to_device: bool = True) -> nn.Module:
        """Convert a model, move it to the device and run its `forward` in this precision from now on.

        Copies and pickles of the model keep the precision. Under ``deepspeed`` this is for inference only.

        Raises:
            PrecisionError: Not a module, or one that another engine has set up.
        """
        set_up: nn.Module = self.setup(model, move_to_device=move_to_device)
        return set_up

    def setup_optimizers(self, *optimizers: Optimizer) -> Any:
        """Set up optimizers on their own; returns the optimizer, or a tuple where there are several."""
        if not optimizers:
            raise PrecisionError("setup_optimizers() takes at least one optimizer.")
        wrapped = tuple(map(self._setup_optimizer, optimizers))
        return wrapped[0] if len(wrapped) == 1 else wrapped

    def mark_forward_method(self, model: nn.Module, name: str | MethodType) -> None:
        """Run another method of a set-up model, such as ``training_step``, in this precision too.

        Raises:
            PrecisionError: The model is not set up, or has no such method.
        """
        name = name if isinstance(name, str) else name.__name__
        present = precision_method(model)
        if present is None:
            raise PrecisionError(
                f"{type(model).__name__} is not set up; call engine.setup(model) before marking a method."
            )
        self._accept_set_up(model, present)
        if name == "forward":
            raise PrecisionError("'forward' is run in the engine's precision already; mark other methods only.")
        if not callable(getattr(model, name, None)):
            raise PrecisionError(f"{type(model).__name__} has no method {name!r} that could be marked.")
        if precision_method(model, name) is None:
            self._put_precision_on(model, name)

    def autocast(self) -> AbstractContextManager[Any]:
        """Return the context of a forward, for what is computed outside the model: a loss, say."""
        context = self._plugin.forward_context()
        return context if self._matmul_precision is None else Float32Matmul(self._matmul_precision, context)

    def init_module(self, *, empty_init: bool = False) -> AbstractContextManager[Any]:
        """Return a context in which modules are created on the device and in their final dtype.

        Args:
            empty_init: Skip the initialization of weights that a checkpoint is going to replace.
        """
        return InitContext(self._device, self._plugin.module_init_context, skip_init=empty_init)

    def init_tensor(self) -> AbstractContextManager[Any]:
        """Return a context in which tensors are created on the device and in the dtype of this precision."""
        return InitContext(self._device, self._plugin.tensor_init_context)

    def backward(self, loss: Tensor, *args: Any, model: nn.Module | None = None, **kwargs: Any) -> None:
        """Compute gradients of `loss`, scaled where the precision needs it; the rest goes to `Tensor.backward`."""
        model = self._strategy.stepper(model)
        if self._matmul_precision is None:
            self._plugin.backward(loss, model, *args, **kwargs)
            return
        with Float32Matmul(self._matmul_precision, nullcontext()):
            self._plugin.backward(loss, model, *args, **kwargs)

    def clip_gradients(
        self,
        model: nn.Module | None,
        optimizer: Optimizer,
        clip_val: float | None = None,
        max_norm: float | None = None,
        norm_type: float = 2.0,
        *,
        error_if_nonfinite: bool | None = None,
    ) -> Tensor | None:
        """Clip gradients by value or by norm, unscaled first; see `Precision.clip_gradients`."""
        return self._plugin.clip_gradients(
            model,
            unwrapped(optimizer),
            max_norm=max_norm,
            clip_val=clip_val,
            norm_type=norm_type,
            error_if_nonfinite=error_if_nonfinite,
        )

    def to_device(self, data: Any) -> Any:
        """Return a module, a tensor or a batch of any shape on the engine's device."""
        if isinstance(data, nn.Module):
            return self._strategy.move(data, self._device)
        return move_to_device(data, self._device)

    @property
    def compilations(self) -> int:
        """How many programs have been compiled so far, by the strategy in this process or for a forward of ours."""
        return self._strategy.compilations + sum(each.programs for each in self._compiled)

    def synchronize(self) -> None:
        """Wait until the device has done everything that it was asked for: before a clock is read, say."""
        self._strategy.synchronize(self._device)

    def seed(self, seed: int) -> None:
        """Seed torch's random numbers, those of the device included."""
        torch.manual_seed(seed)
        self._strategy.seed(seed)

    def save(self, path: str | os.PathLike[str], state: Mapping[str, Any]) -> None:
        """Write a checkpoint: state dicts taken from modules, optimizers and schedulers, and the precision's state.

        Where several processes share the model, all of them call this, and its state is gathered whole.
        """
        self._strategy.save(path, state, self._plugin)

    def load(
        self,
        path: str | os.PathLike[str],
        state: MutableMapping[str, Any] | None = None,
        *,
        strict: bool = True,
    ) -> dict[str, Any]:
        """Restore `state` and the precision from a checkpoint; return the rest, or everything without a `state`.

        Stateful objects in `state` load what was saved of them, its other entries are replaced.

        Raises:
            PrecisionError: The file holds objects other than tensors and plain values; or `strict`, and `state` asks
                for something that it does not hold.
        """
        return self._strategy.load(path, state, self._plugin, strict=strict)

    def effective_dtypes(self, model: nn.Module, optimizer: Optimizer | None = None) -> EffectiveDtypes:
        """Return what really runs, as opposed to what was asked for."""
        optimizer = None if optimizer is None else unwrapped(optimizer)
        observed = observe_effective_dtypes(self._plugin, model, optimizer, device=self._device.type)
        return self._strategy.effective_dtypes(observed, model, optimizer)

    def close(self) -> None:
        """Leave the processes that share the step, if this engine joined them. Closing twice does nothing."""
        self._strategy.close()

    def _put_precision_on(self, model: nn.Module, name: str) -> None:
        patched = self._strategy.setup_method(model, name)
        if self._compile and name == "forward":
            patched = CompiledMethod(model, name, patched)
            self._compiled.append(patched)
        PrecisionMethod(model, name, self._plugin, self._matmul_precision, patched).install()

    def _accept_set_up(self, model: nn.Module, present: PrecisionMethod) -> nn.Module:
        if present.plugin is not self._plugin:
            raise PrecisionError(
                f"{type(model).__name__} is set up already, by another engine with {present.plugin.precision!r}. "
                "Set up a fresh model with this one.",
            )
        return model

    def _setup_optimizer(
        self,
        optimizer: Optimizer | OptimizerFactory,
        model: nn.Module | None = None,
    ) -> EngineOptimizer:
        accepted = self._accept_optimizer(optimizer)
        if type(optimizer) is EngineOptimizer:
            return optimizer
        return self._through_plugin(self._strategy.setup_optimizer(made_optimizer(accepted, model)), model)

    def _accept_optimizer(self, optimizer: Optimizer | OptimizerFactory) -> Optimizer | OptimizerFactory:
        if type(optimizer) is EngineOptimizer and optimizer.plugin is not self._plugin:
            raise PrecisionError("This optimizer is set up already, by another engine. Pass a fresh one.")
        return unwrapped(optimizer) if isinstance(optimizer, Optimizer) else optimizer

    def _through_plugin(self, optimizer: Optimizer, model: nn.Module | None) -> EngineOptimizer:
        return EngineOptimizer(optimizer, self._plugin, self._strategy.stepper(model))


def _chosen(
    precision: str | int | Precision | None,
    plugins: Precision | Sequence[Precision] | None,
    strategy: str,
) -> Candidate | None:
    """Return what was chosen for the whole script, where the caller leaves it open; None where nothing was."""
    if plugins or not (precision is None or precision == AUTO):
        return None
    chosen = chosen_candidate()
    if chosen is None and precision == AUTO:
        raise PrecisionError(
            "precision='auto' stands for what was chosen for the whole script, and nothing was. Start it with: "
            "autoprec run --precision auto --workload FILE.py:FACTORY SCRIPT, or give what autoprec.suggest() returns.",
        )
    if chosen is not None and "strategy" in chosen.model_fields_set and chosen.strategy != strategy:
        raise PrecisionError(
            f"What was chosen, {chosen}, was measured with strategy={chosen.strategy!r}, and this engine has "
            f"{strategy!r}. Give the precision as a string: autoprec run --precision {chosen.precision} …",
        )
    return chosen


def _names(keep_fp32: Iterable[str]) -> tuple[str, ...]:
    if isinstance(keep_fp32, str):
        raise PrecisionError(f"keep_fp32 takes several names: write keep_fp32=[{keep_fp32!r}].")
    return tuple(dict.fromkeys(keep_fp32))


def _choose(
    precision: str | int | Precision | None,
    plugins: Precision | Sequence[Precision] | None,
) -> str | int | Precision:
    given: list[str | int | Precision] = [plugins] if isinstance(plugins, Precision) else list(plugins or ())
    if not all(isinstance(each, Precision) for each in given):
        raise PrecisionError(f"plugins= takes a precision plugin, got {plugins!r}.")
    if precision is not None:
        given.append(precision)
    if len(given) > 1:
        raise PrecisionError(
            f"One precision at a time: got {', '.join(map(repr, given))}. Give either precision= or one plugin.",
        )
    return given[0] if given else "32-true"
