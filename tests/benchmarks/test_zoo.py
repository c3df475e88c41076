"""The zoo: each workload loads and makes steps, and its table holds all of them."""

import math
import sys
from collections.abc import Iterator

import pytest
import torch

pytest.importorskip("sklearn")

from autoprec_runner.workload import FactorySource
from autoprec_runner.workload.task import Task, resolve
from table import EVERY, FOLDER, ZOO, Entry

HELPERS = {"data_sets", "decoder", "table", "truth"}


@pytest.fixture(autouse=True)
def _imports_stay_as_they_were(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(sys, "path", [*sys.path])
    before = set(sys.modules)
    yield
    for name in {path.stem for path in FOLDER.glob("*.py")} - before:
        sys.modules.pop(name, None)


def _task(entry: Entry) -> Task:
    return resolve(FactorySource(entry.reference).load(seed=0), seed=0)


def _losses(task: Task, steps: int) -> list[float]:
    torch.manual_seed(0)
    optimizer, losses = task.make_optimizer(task.model), []
    assert task.loss_of is not None
    for step in range(steps):
        loss = task.loss_of(task.model, task.batches[step % len(task.batches)])
        losses.append(loss.item())
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        optimizer.zero_grad()
    return losses


@pytest.mark.parametrize("entry", ZOO, ids=lambda entry: entry.name)
def test_a_workload_makes_the_same_steps_each_time(entry: Entry) -> None:
    task = _task(entry)
    losses = _losses(task, 2)
    assert all(math.isfinite(each) for each in losses)
    again = _task(entry)
    assert task.key == again.key
    assert losses == pytest.approx(_losses(again, 2), rel=1e-3)


def test_the_table_holds_every_workload() -> None:
    files = {path.stem for path in FOLDER.glob("*.py")} - HELPERS
    assert sorted(files) == sorted(entry.name for entry in ZOO)


@pytest.mark.parametrize("entry", ZOO, ids=lambda entry: entry.name)
def test_no_precision_is_ruined_and_sound_at_once(entry: Entry) -> None:
    assert set() == set(entry.ruined) & set(entry.sound)
    assert {*entry.ruined, *entry.sound} <= set(EVERY)
    assert bool(entry.ruined) == bool(entry.why)
