"""LightningModules, without a Trainer."""

import warnings
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from autoprec_runner.errors import WorkloadError
from autoprec_runner.fingerprint import model_fingerprint
from autoprec_runner.workload import Workload, pickle_workload
from autoprec_runner.workload.task import resolve

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # what the library warns of while it is imported is not ours
    pytest.importorskip("pytorch_lightning")
    from pytorch_lightning import LightningModule, Trainer

X, Y = torch.randn(8, 4, generator=torch.Generator().manual_seed(0)), torch.arange(8) % 3


class Classifier(LightningModule):
    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.net = nn.Linear(4, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.net(x)  # type: ignore[no-any-return]

    def training_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> Any:
        x, y = batch
        loss = nn.functional.cross_entropy(self(x), y) + 0 * batch_idx
        self.log("loss", loss, prog_bar=True)
        self.log_dict({"a": loss, "step": self.global_step})
        return loss

    def configure_optimizers(self) -> Any:
        return torch.optim.SGD(self.parameters(), lr=0.25)


class WithData(Classifier):
    def __init__(self) -> None:
        super().__init__()
        self.example_input_array = torch.ones(2, 4)

    def setup(self, stage: str) -> None:
        assert "fit" == stage
        self.data = TensorDataset(X, Y)

    def train_dataloader(self) -> Any:
        return DataLoader(self.data, batch_size=4)


class BuiltLate(Classifier):
    def configure_model(self) -> None:
        if not hasattr(self, "late"):
            self.late = nn.Linear(3, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.late(super().forward(x))  # type: ignore[no-any-return]


class WithoutIndex(Classifier):
    def training_step(self, batch: tuple[Tensor, Tensor]) -> Any:  # type: ignore[override]
        return {"loss": nn.functional.cross_entropy(self(batch[0]), batch[1]), "other": 1}


class ByHand(Classifier):
    def __init__(self) -> None:
        super().__init__()
        self.automatic_optimization = False


class Skips(Classifier):
    def training_step(self, batch: Any, batch_idx: int) -> Any:
        del batch, batch_idx


class NeedsTrainer(Classifier):
    def training_step(self, batch: Any, batch_idx: int) -> Any:
        return self.trainer.estimated_stepping_batches + len(batch) + batch_idx


def _task(model: nn.Module, batch: Any = (X, Y), **more: Any) -> Any:
    return resolve(Workload(model=model, batch=batch, **more), mode="train", seed=0)


def test_the_step_the_optimizer_and_the_entry_point_are_the_modules_own() -> None:
    task = _task(Classifier())
    expected = nn.functional.cross_entropy(task.model.net(X), Y)
    assert ("training_step",) == task.entry_points
    assert torch.equal(expected, task.loss_of(task.model, task.batches[0]))
    assert (8, 3) == task.output_of(task.model, task.batches[0]).shape
    assert 0.25 == task.make_optimizer(task.model).defaults["lr"]
    assert any("training_step" in sentence for sentence in task.assumptions)
    assert any("schedulers are not stepped" in sentence for sentence in task.assumptions)


def test_a_step_trains() -> None:
    task = _task(Classifier())
    optimizer = task.make_optimizer(task.model)
    losses = []
    for _ in range(3):
        loss = task.loss_of(task.model, task.batches[0])
        losses.append(loss.item())
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    assert losses == sorted(losses, reverse=True)


def test_the_fingerprint_is_taken_before_logging_is_silenced() -> None:
    assert model_fingerprint(Classifier()) == _task(Classifier()).fingerprint


def test_another_training_step_is_another_key() -> None:
    assert _task(Classifier()).key == _task(Classifier()).key
    assert _task(Classifier()).key != _task(WithoutIndex()).key


def test_a_step_without_index_that_returns_a_dict_works() -> None:
    task = _task(WithoutIndex())
    assert () == task.loss_of(task.model, task.batches[0]).shape


def test_batches_come_from_the_modules_own_loader() -> None:
    task = _task(WithData(), batch=None)
    assert [4, 4] == [len(batch[0]) for batch in task.batches]
    assert "Batches: the first of the module's train_dataloader()." in task.assumptions


def test_inference_uses_the_example_input() -> None:
    task = resolve(Workload(model=WithData()), mode="inference", seed=0)
    assert ("forward",) == task.entry_points
    assert (2, 3) == task.output_of(task.model, task.batches[0]).shape


def test_late_layers_are_built_before_the_fingerprint() -> None:
    built = BuiltLate()
    built.configure_model()
    assert model_fingerprint(built) == _task(BuiltLate()).fingerprint


def test_a_loss_of_the_users_goes_before_the_training_step() -> None:
    task = _task(Classifier(), loss=nn.CrossEntropyLoss())
    assert ("forward",) == task.entry_points


def test_an_optimizer_of_the_users_goes_before_the_modules() -> None:
    task = _task(Classifier(), optimizer=torch.optim.Adagrad)
    assert isinstance(task.make_optimizer(task.model), torch.optim.Adagrad)


def _schedule(optimizer: torch.optim.Optimizer) -> Any:
    return torch.optim.lr_scheduler.LambdaLR(optimizer, lambda _: 1.0)


@pytest.mark.parametrize(
    "form",
    [
        lambda optimizer: optimizer,
        lambda optimizer: [optimizer],
        lambda optimizer: {"optimizer": optimizer},
        lambda optimizer: {"optimizer": optimizer, "lr_scheduler": {"scheduler": _schedule(optimizer)}},
        lambda optimizer: ([optimizer], [_schedule(optimizer)]),
        lambda optimizer: ([optimizer], []),
        lambda optimizer: ({"optimizer": optimizer, "lr_scheduler": _schedule(optimizer)},),
    ],
)
def test_every_form_of_configure_optimizers_is_understood(form: Any) -> None:
    class Configured(Classifier):
        def configure_optimizers(self) -> Any:
            return form(torch.optim.RMSprop(self.parameters()))

    task = _task(Configured())
    assert isinstance(task.make_optimizer(task.model), torch.optim.RMSprop)


@pytest.mark.parametrize(("count", "result"), [(0, lambda _: None), (2, lambda make: (make(), make()))])
def test_none_or_two_optimizers_are_refused(count: int, result: Any) -> None:
    class Configured(Classifier):
        def configure_optimizers(self) -> Any:
            return result(super().configure_optimizers)

    with pytest.raises(WorkloadError, match=f"returned {count} optimizers; a step has one"):
        _task(Configured())


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (ByHand, "sets automatic_optimization = False"),
        (Skips, "training_step returned None"),
        (NeedsTrainer, r"training_step of NeedsTrainer failed on its first batch \(float32\[8, 4\], int64\[8\]\)"),
    ],
)
def test_a_step_that_cannot_run_alone_is_told(model: type[Classifier], message: str) -> None:
    with pytest.raises(WorkloadError, match=message):
        _task(model())


def test_a_module_is_pickled_without_its_trainer(tmp_path: Path) -> None:
    model = Classifier()
    model._trainer = object.__new__(Trainer)
    loaded = pickle_workload(Workload(model=model, batch=(X, Y)), tmp_path / "file").load()
    assert 0.25 == _task(loaded.model).make_optimizer(loaded.model).defaults["lr"]
