from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from autoprec_runner.engine import Engine
from autoprec_runner.errors import PrecisionError


def setup(precision: str) -> tuple[Engine, nn.Module, torch.optim.Optimizer]:
    run = Engine(precision, accelerator="cpu")
    torch.manual_seed(0)
    layer = nn.Linear(2, 1)
    model, optimizer = run.setup(layer, torch.optim.AdamW(layer.parameters(), eps=1e-4))
    run.backward(model(torch.ones(1, 2)).sum())
    optimizer.step()
    return run, model, optimizer


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "below" / "run.ckpt"


def test_objects_are_saved_as_their_state_and_restored_in_place(path: Path) -> None:
    run, model, optimizer = setup("32-true")
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 1)
    optimizer.step()
    scheduler.step()
    run.save(path, {"model": model, "optimizer": optimizer, "scheduler": scheduler, "epoch": 3, "note": "x"})
    run, fresh, other = setup("32-true")
    fresh.get_parameter("weight").data.zero_()
    again = torch.optim.lr_scheduler.StepLR(other, 1)
    state: dict[str, Any] = {"model": fresh, "optimizer": other, "scheduler": again, "epoch": 0}
    rest = run.load(path, state)
    assert {"note": "x"} == rest
    assert state["epoch"] == 3
    assert state["model"] is fresh
    assert torch.equal(model.get_parameter("weight"), fresh.get_parameter("weight"))
    assert str(optimizer.state_dict()) == str(other.state_dict())
    assert scheduler.last_epoch == again.last_epoch


def test_the_state_of_the_precision_is_saved_and_restored_by_itself(path: Path) -> None:
    run, model, _ = setup("16-mixed")
    run.precision_plugin.load_state_dict({**run.precision_plugin.state_dict(), "scale": 32.0})
    run.save(path, {"model": model})
    fresh, other, _ = setup("16-mixed")
    fresh.load(path, {"model": other})
    assert fresh.precision_plugin.state_dict()["scale"] == 32.0


def test_the_precision_can_be_saved_and_loaded_by_hand(path: Path) -> None:
    run, model, _ = setup("16-mixed")
    run.save(path, {"model": model, "precision": run.precision_plugin.state_dict()})
    loaded = run.load(path)
    assert {"model", "precision"} == set(loaded)
    run.precision_plugin.load_state_dict(loaded["precision"])


@pytest.mark.parametrize(("saved", "loaded"), [("16-mixed", "bf16-mixed"), ("32-true", "16-mixed")])
def test_a_run_can_be_resumed_in_another_precision(saved: str, loaded: str, path: Path) -> None:
    run, model, optimizer = setup(saved)
    run.save(path, {"model": model, "optimizer": optimizer})
    run, model, optimizer = setup(loaded)
    assert {} == run.load(path, {"model": model, "optimizer": optimizer})


def test_a_key_that_is_not_there_is_refused_unless_told_otherwise(path: Path) -> None:
    run, model, _ = setup("32-true")
    run.save(path, {"model": model, "epoch": 3})
    with pytest.raises(PrecisionError, match="holds no 'optimizer'; it holds 'model', 'epoch'"):
        run.load(path, {"model": model, "optimizer": None})
    state = {"model": model, "optimizer": None}
    assert {"epoch": 3} == run.load(path, state, strict=False)
    assert state["optimizer"] is None


def test_a_failed_write_leaves_the_older_checkpoint_and_no_other_file(path: Path) -> None:
    run, model, _ = setup("32-true")
    run.save(path, {"model": model, "epoch": 1})
    with pytest.raises((AttributeError, TypeError)):
        run.save(path, {"epoch": 2, "unpicklable": lambda: None})
    assert [path] == list(path.parent.iterdir())
    assert run.load(path)["epoch"] == 1


def test_a_checkpoint_that_would_run_code_is_refused(path: Path) -> None:
    run, _, _ = setup("32-true")
    run.save(path, {"path": path})
    with pytest.raises(PrecisionError, match="tensors and plain values"):
        run.load(path)
