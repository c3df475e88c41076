"""Workloads that live in the user's process."""

import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from autoprec_runner.errors import WorkloadError
from autoprec_runner.workload import MAX_BATCHES, PickledSource, Workload, pickle_workload
from autoprec_runner.workload.task import resolve

NOTEBOOK = """
import sys
import torch
from torch import nn
from autoprec_runner.workload import Workload, pickle_workload

scale = 3.0

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(4, 2)

    def forward(self, x):
        return helper(self.layer(x))

def helper(x):
    return x * scale

def make(rate):
    return Workload(
        model=Net(),
        batch=(torch.ones(8, 4) for _ in range(3)),
        loss=lambda output, batch: (output * scale).square().mean(),
        optimizer=lambda parameters: torch.optim.SGD(parameters, lr=rate),
    )

torch.manual_seed(0)
pickle_workload(make(0.125), sys.argv[1])
"""

CHILD = """
import sys
from autoprec_runner.workload import PickledSource
from autoprec_runner.workload.task import resolve

task = resolve(PickledSource(sys.argv[1]).load(), mode="train", seed=0)
optimizer = task.make_optimizer(task.model)
print(len(task.batches), optimizer.defaults["lr"], task.loss_of(task.model, task.batches[0]).item(), task.key)
"""


class WithLock(nn.Linear):
    def __init__(self) -> None:
        super().__init__(2, 2)
        self.lock = threading.Lock()


def _run(program: str, *arguments: str) -> str:
    command = [sys.executable, "-c", program, *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def test_classes_lambdas_and_generators_of_main_reach_another_process(tmp_path: Path) -> None:
    path = str(tmp_path / "workload.pkl")
    _run(NOTEBOOK, path)
    first = _run(CHILD, path)
    count, rate, loss, key = first.split()
    assert ("3", "0.125") == (count, rate)
    assert float(loss) > 0
    assert 16 == len(key)
    assert first == _run(CHILD, path)


def test_the_weights_travel_along(tmp_path: Path) -> None:
    model = nn.Linear(3, 3)
    loaded = pickle_workload(Workload(model=model), tmp_path / "file").load(seed=7).model
    assert isinstance(loaded, nn.Linear)
    assert torch.equal(model.weight, loaded.weight)


def test_a_data_set_is_not_pickled_but_its_first_batches(tmp_path: Path) -> None:
    data: DataLoader[Any] = DataLoader(TensorDataset(torch.arange(1000.0)[:, None]), batch_size=2)
    loaded = pickle_workload(Workload(model=nn.Linear(1, 1), batch=data), tmp_path / "file").load()
    task = resolve(loaded, mode="inference", seed=0)
    assert MAX_BATCHES == len(task.batches)
    assert [0.0, 1.0] == task.batches[0][0].flatten().tolist()


def test_tensors_from_a_generator_stay_batches_of_their_own(tmp_path: Path) -> None:
    def batches() -> Iterator[Tensor]:
        yield from (torch.ones(4, 2) * i for i in range(3))

    loaded = pickle_workload(Workload(model=nn.Linear(2, 2), batch=batches()), tmp_path / "file").load()
    assert 3 == len(resolve(loaded, mode="inference", seed=0).batches)


def test_what_cannot_be_pickled_is_named(tmp_path: Path) -> None:
    path = tmp_path / "file"
    model = nn.Sequential(nn.Linear(2, 2), WithLock())
    with pytest.raises(WorkloadError, match=r"workload\.model\.1\.lock, an object of type lock(.|\n)*Give a factory"):
        pickle_workload(Workload(model=model), path)
    assert not path.exists()


def test_what_a_function_closes_over_is_named(tmp_path: Path) -> None:
    with (tmp_path / "log").open("w") as log:

        def loss(output: Tensor, _: Any) -> Tensor:
            log.write("step")
            return output.mean()

        with pytest.raises(WorkloadError, match=r"workload\.loss closing over 'log', an object of type TextIOWrapper"):
            pickle_workload(Workload(model=nn.Linear(2, 2), loss=loss), tmp_path / "file")


def test_a_folder_that_is_missing_is_an_error_of_the_system(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        pickle_workload(Workload(model=nn.Linear(2, 2)), tmp_path / "missing" / "file")


@pytest.mark.parametrize("content", [b"", b"not a pickle"])
def test_a_file_that_holds_no_workload_is_told(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "file").write_bytes(content)
    with pytest.raises(WorkloadError, match="cannot be loaded"):
        PickledSource(str(tmp_path / "file")).load()
