"""A step that is followed: its memory beside that of real tensors, and what cannot be followed."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import DataDependentOutputException

from autoprec_probe.candidate import Device
from autoprec_runner.costing.session import workload_cost
from autoprec_runner.costing.step import step_cost
from autoprec_runner.engine import Engine
from autoprec_runner.errors import WorkloadError
from autoprec_runner.isolation.child import ChildTimeoutError
from autoprec_runner.isolation.forkserver import shared_forkserver
from autoprec_runner.workload import Workload
from autoprec_runner.workload.factory import FactorySource
from autoprec_runner.workload.task import Task, resolve

DEVICES: tuple[Device, ...] = ("cpu", "cuda")
PRECISIONS = ("32-true", "64-true", "bf16-true", "bf16-mixed", "16-mixed", "16-true")
FACTORIES = """
import threading

import torch
from torch import nn

class Deciding(nn.Linear):
    def forward(self, inputs):
        outputs = super().forward(inputs)
        return outputs * 2 if outputs.sum() > 0 else outputs

def deciding():
    return Deciding(4, 4), torch.randn(2, 4)

def plain():
    return nn.Linear(4, 4), torch.randn(2, 4)

def waiting():
    threading.Event().wait()

def misfit():
    return nn.Linear(4, 4), torch.randn(2, 5)
"""


class Tied(nn.Module):
    """Two layers around one weight, which is kept once."""

    def __init__(self) -> None:
        super().__init__()
        self.up, self.down = nn.Linear(32, 32, bias=False), nn.Linear(32, 32, bias=False)
        self.down.weight = self.up.weight
        self.register_buffer("scale", torch.ones(8))

    def forward(self, inputs: Tensor) -> Tensor:
        return self.down(torch.tanh(self.up(inputs)))  # type: ignore[no-any-return]


MODELS: dict[str, Callable[[], nn.Module]] = {
    "mlp": lambda: nn.Sequential(nn.Linear(32, 128), nn.GELU(), nn.Linear(128, 32)),
    "tied": Tied,
    "norms": lambda: nn.Sequential(nn.Linear(32, 64), nn.BatchNorm1d(64), nn.ReLU(), nn.LayerNorm(64)),
}


def task(model: nn.Module, *, mode: Any = "train") -> Task:
    generator = torch.Generator().manual_seed(0)
    batch, loss = torch.randn(16, 32, generator=generator), _loss if mode == "train" else None
    return resolve(Workload(model=model, batch=batch, loss=loss, mode=mode))


def _loss(output: Tensor, _: object) -> Tensor:
    return output.square().mean()


def real_parts(of: Task, precision: str) -> tuple[int, int, int]:
    """Run two real steps; return the bytes of weights, gradients and optimizer state."""
    engine = Engine(precision, accelerator="cpu")
    model, optimizer = engine.setup(of.model, of.make_optimizer)
    assert of.loss_of is not None
    for _ in range(2):
        optimizer.zero_grad()
        engine.backward(of.loss_of(model, of.batches[0]))
        optimizer.step()
    state = [each for entry in optimizer.state.values() for each in entry.values() if isinstance(each, Tensor)]
    gradients = [each.grad for each in model.parameters() if each.grad is not None]
    return size([*model.parameters(), *model.buffers()]), size(gradients), size(state)


def size(tensors: list[Tensor]) -> int:
    return sum(each.untyped_storage().nbytes() for each in tensors)


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("name", MODELS)
def test_weights_gradients_and_optimizer_state_are_as_large_as_real_ones(name: str, precision: str) -> None:
    memory = step_cost(task(MODELS[name]()), precision, device="cpu").memory
    expected = real_parts(task(MODELS[name]()), precision)
    assert expected == (memory.weights_bytes, memory.gradients_bytes, memory.optimizer_bytes)


@pytest.mark.parametrize("name", MODELS)
def test_activations_are_what_autograd_saves(name: str) -> None:
    of = task(MODELS[name]())
    kept = {each.untyped_storage().data_ptr() for each in [*of.model.parameters(), *of.model.buffers(), of.batches[0]]}
    saved: dict[int, int] = {}

    def pack(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in kept:
            saved[storage.data_ptr()] = storage.nbytes()
        return tensor

    assert of.loss_of is not None
    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        loss = of.loss_of(of.model, of.batches[0])
    memory = step_cost(task(MODELS[name]()), "32-true", device="cpu").memory
    # Beside what is saved, the loss itself is alive.
    assert sum(saved.values()) + loss.untyped_storage().nbytes() == memory.activations_bytes


def test_inference_keeps_nothing_for_a_backward() -> None:
    memory = step_cost(task(MODELS["mlp"](), mode="inference"), "32-true", device="cpu").memory
    assert (0, 0, 0) == (memory.gradients_bytes, memory.optimizer_bytes, memory.activations_bytes)
    assert memory.peak_bytes > memory.weights_bytes


def test_following_a_step_leaves_the_model_as_it_was() -> None:
    of = task(MODELS["norms"]())
    before = {name: each.clone() for name, each in of.model.state_dict().items()}
    step_cost(of, "bf16-true", device="cpu")
    after = of.model.state_dict()
    assert all(torch.equal(each, after[name]) for name, each in before.items())
    assert all(each.grad is None for each in of.model.parameters())


def test_a_fused_update_starts_fewer_operations() -> None:
    steps = [step_cost(task(MODELS["mlp"]()), "32-true", device=each) for each in DEVICES]
    on_cpu, on_gpu = (sum(each.count for each in step.work if each.moment == "update") for step in steps)
    assert on_cpu > on_gpu


@pytest.fixture(scope="module")
def factories(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("workload") / "factories.py"
    path.write_text(FACTORIES)
    return path


def test_a_model_that_decides_by_its_numbers_is_honestly_unpredictable(factories: Path) -> None:
    source = FactorySource(f"{factories}:deciding").to_json()
    cost = workload_cost(shared_forkserver(), source, ("32-true", "bf16-mixed"), device="cpu", mode="train")
    assert ((), {"32-true", "bf16-mixed"}) == (cost.steps, set(cost.unpredictable))
    assert "cannot be followed without numbers: DataDependent" in cost.unpredictable["32-true"]


class Deciding(torch.optim.SGD):
    """An optimizer that looks at its gradients."""

    def step(self, closure: Any = None) -> Any:
        """Step only where there is a gradient."""
        gradients = [each.grad for group in self.param_groups for each in group["params"] if each.grad is not None]
        return super().step(closure) if gradients[0].abs().max().item() > 0 else None


def test_an_optimizer_that_decides_by_its_numbers_is_not_answered_for_it() -> None:
    workload = Workload(
        model=MODELS["mlp"](), batch=torch.randn(16, 32), loss=_loss, optimizer=lambda own: Deciding(own, lr=0.1)
    )
    with pytest.raises(DataDependentOutputException):
        step_cost(resolve(workload), "32-true", device="cpu")


def test_a_cost_survives_json(factories: Path) -> None:
    source = FactorySource(f"{factories}:plain").to_json()
    cost = workload_cost(shared_forkserver(), source, ("32-true",), device="cuda", mode="train")
    assert cost == type(cost).model_validate_json(cost.model_dump_json())
    assert (20, "train", ["32-true"]) == (cost.parameters, cost.mode, [each.precision for each in cost.steps])


def test_a_workload_that_makes_no_step_is_refused(factories: Path) -> None:
    source = FactorySource(f"{factories}:misfit").to_json()
    with pytest.raises(WorkloadError, match="batch"):
        workload_cost(shared_forkserver(), source, ("32-true",), device="cpu")


def test_loading_that_never_ends_is_cut_off(factories: Path) -> None:
    source = FactorySource(f"{factories}:waiting").to_json()
    with pytest.raises(ChildTimeoutError, match="No answer within"):
        workload_cost(shared_forkserver(), source, ("32-true",), device="cpu", budget_seconds=0.5)
