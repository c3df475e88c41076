"""The loss of models that suggest none."""

import pytest
import torch
from torch import Tensor, nn

from autoprec_runner.errors import WorkloadError
from autoprec_runner.workload import Workload
from autoprec_runner.workload.call import find_call
from autoprec_runner.workload.probing import perturbed
from autoprec_runner.workload.regression import regression_loss, regression_targets
from autoprec_runner.workload.task import Task, resolve

X = torch.randn(16, 4, generator=torch.Generator().manual_seed(0))


def _model(scale: float = 1.0, dropout: float = 0.5) -> nn.Module:
    torch.manual_seed(0)
    last = nn.Linear(32, 3)
    model = nn.Sequential(nn.Linear(4, 32), nn.BatchNorm1d(32), nn.Tanh(), nn.Dropout(dropout), last)
    with torch.no_grad():
        last.weight.mul_(scale)
    return model


def _targets(model: nn.Module, seed: int = 0) -> Tensor:
    return regression_targets(model, find_call(model, X)[0], X, seed=seed)[0]


def _task(model: nn.Module) -> Task:
    return resolve(Workload(model=model, batch=X), mode="train", seed=0)


def test_targets_depend_on_the_seed_alone() -> None:
    assert torch.equal(_targets(_model()), _targets(_model()))
    assert not torch.equal(_targets(_model()), _targets(_model(), seed=1))


def test_making_targets_leaves_every_bit_of_the_model() -> None:
    model = _model()
    before = {name: each.clone() for name, each in model.state_dict().items()}
    _targets(model)
    assert all(torch.equal(before[name], each) for name, each in model.state_dict().items())
    assert all(each.training for each in model.modules())


def test_weights_are_restored_after_an_error() -> None:
    model = nn.Linear(2, 2)
    before = model.weight.clone()

    def fail() -> None:
        with perturbed(model, relative=0.1, seed=0):
            assert not torch.equal(before, model.weight)
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert torch.equal(before, model.weight)


@pytest.mark.parametrize("scale", [1e-4, 1.0, 1e4])
def test_the_loss_starts_above_zero_and_below_one_whatever_the_scale(scale: float) -> None:
    task = _task(_model(scale, dropout=0.0).eval())
    assert task.loss_of is not None
    assert 1e-3 < task.loss_of(task.model, task.batches[0]).item() < 1


def test_a_model_that_puts_out_zeros_has_something_to_learn() -> None:
    model = nn.Linear(4, 3)
    for parameter in model.parameters():
        nn.init.zeros_(parameter)
    task = _task(model)
    assert task.loss_of is not None
    assert 1.0 == pytest.approx(task.loss_of(model, task.batches[0]).item())


def test_training_follows_the_targets() -> None:
    task = _task(_model())
    optimizer = task.make_optimizer(task.model)
    assert task.loss_of is not None
    losses = []
    for _ in range(60):
        loss = task.loss_of(task.model, task.batches[0])
        losses.append(loss.item())
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        optimizer.zero_grad()
    assert sum(losses[-10:]) < sum(losses[:10])


def test_several_outputs_count_alike() -> None:
    targets = (torch.ones(2), torch.full((3,), 100.0))
    output = {"a": torch.zeros(2), "ids": torch.zeros(1, dtype=torch.int64), "b": torch.full((3,), 200.0)}
    assert 1.0 == regression_loss(output, targets).item()


def test_the_output_of_a_batch_leaves_the_targets_out() -> None:
    task = _task(_model().eval())
    batch, targets = task.batches[0]
    assert torch.equal(X, batch)
    assert (16, 3) == targets[0].shape
    assert (16, 3) == task.output_of(task.model, task.batches[0]).shape


def test_the_user_is_told() -> None:
    assert any("perturbed by 10 %" in sentence for sentence in _task(_model()).assumptions)


def test_an_output_without_numbers_asks_for_a_loss() -> None:
    class Labels(nn.Linear):
        def forward(self, x: Tensor) -> Tensor:
            return super().forward(x).argmax(-1)

    with pytest.raises(WorkloadError, match=r"No loss can be inferred from the model's output int64\[16\]. Pass loss="):
        _task(Labels(4, 3))
