"""One step of a task in one precision, followed without computing it."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.optim import Optimizer
from torch.utils._pytree import tree_leaves
from torch.utils.module_tracker import ModuleTracker

from autoprec_probe.candidate import Device
from autoprec_runner.costing.follower import Follower
from autoprec_runner.costing.skeleton import fake_batch, make_fake, nbytes, skeleton, tensors
from autoprec_runner.engine import Engine
from autoprec_runner.prediction.cost import StepCost, StepMemory
from autoprec_runner.workload.task import Task


def step_cost(task: Task, precision: str, *, device: Device) -> StepCost:
    """Return what the second step of a task does in a precision: by then the optimizer has its state.

    Args:
        task: What a step is; its model and batches are left as they are.
        precision: A canonical precision string without a strategy.
        device: Where it is going to run. Other than on a CPU, torch's optimizers update all parameters in a few
            operations, and convolutions need less memory for themselves.

    Raises:
        Exception: The step depends on numbers, or its model does something that has no shape rule.
    """
    engine = Engine(precision, accelerator="cpu")
    model = engine.setup(skeleton(task.model), move_to_device=False)
    for name in task.entry_points:
        if name != "forward":
            engine.mark_forward_method(model, name)
    tracker = ModuleTracker()
    # Tensors that a module holds without having registered them are few and small: they are taken as they are.
    with (
        _no_fast_path(),
        FakeTensorMode(allow_non_fake_inputs=True),
        tracker,
        Follower(tracker, on_cpu=device == "cpu", scales_loss=engine.precision_plugin.scales_loss) as follower,
    ):
        make_fake(model)
        steps = _Steps(task, engine, model, follower, fuses_updates=device != "cpu")
        steps.run()
        follower.forget()
        return StepCost(precision=precision, memory=steps.run(), work=follower.work)


@contextmanager
def _no_fast_path() -> Iterator[None]:
    """Let transformer layers run their parts one by one instead of as one operation that tells nothing of them."""
    before = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(value=False)
    try:
        yield
    finally:
        torch.backends.mha.set_fastpath_enabled(value=before)


class _Steps:
    def __init__(
        self, task: Task, engine: Engine, model: nn.Module, follower: Follower, *, fuses_updates: bool
    ) -> None:
        self._task, self._engine, self._model, self._follower = task, engine, model, follower
        self._batch = fake_batch(task.batches[0])
        self._optimizer: Optimizer | None = None
        if task.mode == "train":
            made = task.make_optimizer(model)
            if fuses_updates:
                _fuse(made)
            self._optimizer = engine.setup_optimizers(made)
        for each in (*tensors(model), *(leaf for leaf in tree_leaves(self._batch) if isinstance(leaf, Tensor))):
            follower.memory.see(each)

    def run(self) -> StepMemory:
        """Run one step and return what it takes."""
        return self._inference() if self._optimizer is None else self._training(self._optimizer)

    def _inference(self) -> StepMemory:
        with self._follower.during("forward"), torch.no_grad():
            self._task.output_of(self._model, self._batch)
        return self._memory(gradients=0, optimizer=0, activations=0)

    def _training(self, optimizer: Optimizer) -> StepMemory:
        follower = self._follower
        before = follower.memory.bytes
        with follower.during("forward"):
            assert self._task.loss_of is not None, "a training task has a loss"
            loss = self._task.loss_of(self._model, self._batch)
        activations = follower.memory.bytes - before
        with follower.during("backward"):
            self._engine.backward(loss)
        gradients = nbytes(each.grad for each in self._model.parameters() if each.grad is not None)
        with follower.during("update"):
            optimizer.step()
        optimizer.zero_grad()
        state = nbytes(each for each in tree_leaves(dict(optimizer.state)) if isinstance(each, Tensor))
        return self._memory(gradients=gradients, optimizer=state, activations=activations)

    def _memory(self, *, gradients: int, optimizer: int, activations: int) -> StepMemory:
        peaks = self._follower.peaks
        moment = max(peaks, key=lambda each: peaks[each])
        return StepMemory(
            weights_bytes=nbytes(tensors(self._model)),
            gradients_bytes=gradients,
            optimizer_bytes=optimizer,
            activations_bytes=activations,
            peak_bytes=peaks[moment],
            peak_moment=moment,
        )


def _fuse(optimizer: Optimizer) -> None:
    """Choose torch's horizontal fusion where the optimizer has it and the user left the choice open."""
    for group in optimizer.param_groups:
        if group.get("foreach", False) is None and not group.get("fused"):
            group["foreach"] = True
