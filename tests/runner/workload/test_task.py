"""Workloads made ready to run."""

import json
import random
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from autoprec_runner.errors import WorkloadError
from autoprec_runner.fingerprint import model_fingerprint
from autoprec_runner.trial import Mode
from autoprec_runner.workload import Workload
from autoprec_runner.workload.task import Task, resolve
from autoprec_runner.workload.tried import Tried

X = torch.randn(8, 4, generator=torch.Generator().manual_seed(0))
Y = torch.arange(8) % 3


def _net() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 3))


def _first_loss(task: Task) -> Tensor:
    assert task.loss_of is not None
    return task.loss_of(task.model, task.batches[0])


class Generative(nn.Module):
    """As many small GPTs do: logits alone, or logits and loss where targets are given."""

    def __init__(self) -> None:
        super().__init__()
        self.embed, self.head = nn.Embedding(50, 8), nn.Linear(8, 50)

    def forward(self, ids: Tensor, targets: Tensor | None = None) -> tuple[Tensor, Tensor | None]:
        logits = self.head(self.embed(ids))
        return logits, None if targets is None else nn.functional.cross_entropy(logits.flatten(0, 1), targets.flatten())


def test_a_model_with_batch_and_loss_makes_a_training_task() -> None:
    task = resolve(
        Workload(model=_net(), batch=(X, Y), loss=lambda output, batch: (output.sum(-1) - batch[1]).square().mean()),
        mode="train",
        seed=0,
    )
    assert ("train", ("forward",), 8, None, "float32", "Sequential") == (
        task.mode,
        task.entry_points,
        task.batch_size,
        task.tokens_per_batch,
        task.weights_dtype,
        task.name,
    )
    assert "Sequential: Sequential, 51 parameters, batch (float32[8, 4], int64[8]), train, AdamW" == task.description
    assert _first_loss(task).requires_grad
    assert (8, 3) == task.output_of(task.model, task.batches[0]).shape
    assert isinstance(task.make_optimizer(task.model), torch.optim.AdamW)


def test_everything_inferred_is_told() -> None:
    task = resolve(Workload(model=_net()), mode="train", seed=0)
    starts = ["Inputs inferred: random float32[32, 4]", "Loss inferred: squared distance", "Optimizer assumed: AdamW"]
    assert len(starts) == len(task.assumptions)
    assert [] == [each for each, start in zip(task.assumptions, starts, strict=True) if not each.startswith(start)]


def test_nothing_is_assumed_where_everything_is_given() -> None:
    workload = Workload(model=_net(), batch=X, loss=lambda output, _: output.mean(), optimizer=torch.optim.SGD)
    assert () == resolve(workload, mode="train", seed=0).assumptions


def test_the_same_workload_and_seed_make_the_same_task() -> None:
    def losses(seed: int) -> list[float]:
        task = resolve(Workload(model=_net()), mode="train", seed=seed)
        assert task.loss_of is not None
        return [task.loss_of(task.model, batch).item() for batch in task.batches]

    assert losses(1) == losses(1)
    assert losses(1) != losses(2)


def test_resolving_leaves_the_random_generators_alone() -> None:
    model = nn.Linear(4, 3)
    before = torch.random.get_rng_state()
    python, numbers = random.getstate(), repr(np.random.get_state())  # noqa: NPY002 (user code draws from it)
    resolve(Workload(model=model), mode="train", seed=3)
    assert torch.equal(before, torch.random.get_rng_state())
    assert (python, numbers) == (random.getstate(), repr(np.random.get_state()))  # noqa: NPY002


def test_the_fingerprint_is_that_of_the_model_as_given() -> None:
    model = _net().to(torch.bfloat16)
    fingerprint = model_fingerprint(model)
    task = resolve(Workload(model=model, batch=X.bfloat16()), mode="inference", seed=0)
    assert fingerprint == task.fingerprint
    assert "bfloat16" == task.weights_dtype
    assert torch.float32 == task.batches[0].dtype
    assert "The weights were given in bfloat16 and are float32 here, where every candidate starts." in task.assumptions


def _key(mode: Mode = "train", seed: int = 0, **changes: Any) -> str:
    parts = {"model": _net(), "batch": (X, Y), **changes}
    return resolve(Workload(**parts), mode=mode, seed=seed).key


def test_the_key_is_the_same_for_the_same_question() -> None:
    assert _key() == _key()
    assert _key() == _key(batch=(X + 1, (Y + 1) % 3), name="another name")


@pytest.mark.parametrize(
    "changes",
    [
        {"mode": "inference"},
        {"seed": 1},
        {"batch": (X[:4], Y[:4])},
        {"batch": [(X, Y), (X, Y)]},
        {"batch": (X, X[:, :3])},
        {"model": nn.Sequential(nn.Linear(4, 7), nn.ReLU(), nn.Linear(7, 3))},
        {"loss": nn.CrossEntropyLoss()},
        {"loss": nn.CrossEntropyLoss(label_smoothing=0.1)},
        {"loss": lambda output, _: output.mean()},
        {"loss": lambda output, _: output.sum()},
        {"optimizer": lambda parameters: torch.optim.AdamW(parameters, lr=1e-2)},
        {"optimizer": lambda parameters: torch.optim.Adam(parameters, lr=1e-3)},
    ],
)
def test_the_key_differs_with_the_question(changes: dict[str, Any]) -> None:
    assert _key() != _key(**changes)


def test_losses_that_differ_in_what_they_refer_to_have_different_keys() -> None:
    def loss(scale: float) -> Any:
        return lambda output, _: output.mean() * scale

    assert _key(loss=loss(2.0)) == _key(loss=loss(2.0))
    assert _key(loss=loss(2.0)) != _key(loss=loss(3.0))


def test_the_mode_is_the_callers_then_the_workloads_then_train() -> None:
    workload = Workload(model=_net(), batch=X, mode="inference")
    assert "inference" == resolve(workload).mode
    assert "train" == resolve(workload, mode="train").mode
    assert "train" == resolve(Workload(model=_net(), batch=X)).mode


def test_inference_has_no_loss_and_no_optimizer_and_evaluates() -> None:
    task = resolve(Workload(model=_net(), batch=(X, Y)), mode="inference", seed=0)
    assert None is task.loss_of
    assert not task.model.training
    with pytest.raises(WorkloadError, match="resolved for inference"):
        task.make_optimizer(task.model)


def test_a_model_loaded_for_evaluation_is_put_in_training() -> None:
    assert resolve(Workload(model=_net().eval(), batch=X), mode="train").model.training


def test_a_part_frozen_in_evaluation_stays_so() -> None:
    model = nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3).eval())
    task = resolve(Workload(model=model, batch=X), mode="train")
    assert (True, False) == (task.model.training, model[1].training)


def test_targets_and_loss_inside_the_model_are_used() -> None:
    ids = torch.randint(50, (4, 16))
    task = resolve(Workload(model=Generative(), batch=(ids, ids)), mode="train", seed=0)
    assert 3 < _first_loss(task).item() < 5
    assert 64 == task.tokens_per_batch
    assert ("The model is called as model(*batch).", "Optimizer assumed: AdamW with a learning rate of 0.001.") == (
        task.assumptions
    )


def test_arrays_are_taken_for_tensors_and_told() -> None:
    batch = (X.numpy().astype(np.float64), Y.numpy())
    task = resolve(Workload(model=_net(), batch=batch), mode="train", seed=0)
    assert (torch.float32, torch.int64) == tuple(each.dtype for each in task.batches[0])
    assert "Arrays in the batches are turned into tensors, floating ones into float32." in task.assumptions


def test_a_smaller_last_batch_is_left_out() -> None:
    data: DataLoader[Any] = DataLoader(TensorDataset(X, Y), batch_size=3)
    task = resolve(Workload(model=_net(), batch=data), mode="train", seed=0)
    assert [3, 3] == [len(batch[0]) for batch in task.batches]
    assert any("last batch is smaller" in sentence for sentence in task.assumptions)


@pytest.mark.filterwarnings("ignore:Lazy modules")
def test_a_lazy_model_takes_its_shape_from_the_batch() -> None:
    task = resolve(Workload(model=nn.Sequential(nn.LazyLinear(3)), batch=(X, Y)), mode="train", seed=0)
    assert _first_loss(task).requires_grad


@pytest.mark.parametrize("model", [nn.ReLU(), nn.Linear(4, 3).requires_grad_(requires_grad=False)])
def test_a_model_without_trainable_parameters_cannot_be_trained(model: nn.Module) -> None:
    with pytest.raises(WorkloadError, match=r"has no trainable parameters. Use mode='inference'"):
        resolve(Workload(model=model, batch=X), mode="train")
    assert (8, 4) == resolve(Workload(model=nn.ReLU(), batch=X), mode="inference").batches[0].shape


def test_a_model_without_numbers_is_told() -> None:
    with pytest.raises(WorkloadError, match=r"on the meta device, which hold no numbers(.|\n)*to_empty"):
        resolve(Workload(model=nn.Linear(4, 3, device="meta")))


def test_what_is_no_module_is_told() -> None:
    model: Any = lambda x: x  # noqa: E731 (a function in place of a model is the case)
    with pytest.raises(WorkloadError, match=r"of type function, not an nn.Module"):
        resolve(Workload(model=model))


def test_a_loss_of_the_wrong_shape_is_told_while_resolving() -> None:
    loss = nn.CrossEntropyLoss(reduction="none")
    with pytest.raises(WorkloadError, match=r"float32\[8\], not a scalar. Reduce it, for example with `.mean\(\)`"):
        resolve(Workload(model=_net(), batch=(X, Y), loss=loss), mode="train")


def test_a_loss_cut_from_the_graph_inside_the_model_is_told_at_the_first_step() -> None:
    class Detached(nn.Linear):
        def forward(self, x: Tensor) -> Tensor:
            return super().forward(x).detach().mean()

    with pytest.raises(WorkloadError, match="does not require a gradient"):
        _first_loss(resolve(Workload(model=Detached(4, 3), batch=X), mode="train"))


class Counted(nn.Module):
    """Counts its forward passes."""

    def __init__(self) -> None:
        super().__init__()
        self.layer, self.calls = nn.Linear(4, 3), 0

    def forward(self, x: Tensor) -> Tensor:
        self.calls += 1
        output: Tensor = self.layer(x)
        return output


@pytest.mark.parametrize("mode", ["train", "inference"])
@pytest.mark.parametrize("loss", [None, nn.CrossEntropyLoss()])
def test_what_one_process_has_tried_another_need_not_run(mode: Mode, loss: Any) -> None:
    torch.manual_seed(0)
    first = resolve(Workload(model=Counted(), batch=(X, Y), loss=loss), mode=mode)
    torch.manual_seed(0)
    model = Counted()
    assert first.tried is not None
    second = resolve(
        Workload(model=model, batch=(X, Y), loss=loss),
        mode=mode,
        tried=Tried(**json.loads(first.tried.model_dump_json())),
    )
    assert 0 == model.calls
    assert (first.key, first.assumptions, first.tried) == (second.key, second.assumptions, second.tried)
    assert torch.equal(first.output_of(first.model, first.batches[0]), second.output_of(model, second.batches[0]))
    if mode == "train":
        assert torch.equal(_first_loss(first), _first_loss(second))


def test_where_too_little_is_known_of_the_output_the_model_is_run_all_the_same() -> None:
    workload = Workload(model=Generative(), batch=torch.arange(12).reshape(2, 6))
    first = resolve(workload)
    assert first.tried is not None
    assert first.tried.shape is None
    assert first.key == resolve(workload, tried=first.tried).key


def test_a_lazy_layer_gets_its_weights_although_the_model_was_tried_elsewhere() -> None:
    first = resolve(Workload(model=nn.Sequential(nn.LazyLinear(3)), batch=(X, Y)))
    assert first.tried is not None
    model = nn.Sequential(nn.LazyLinear(3))
    resolve(Workload(model=model, batch=(X, Y)), tried=first.tried)
    assert (3, 4) == model[0].weight.shape
