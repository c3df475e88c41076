"""What a user gives."""

import subprocess
import sys
from typing import Any

import pytest
import torch
from torch import nn

from autoprec_runner import workload as package
from autoprec_runner.errors import WorkloadError
from autoprec_runner.workload import Workload


def test_only_the_model_is_required() -> None:
    model = nn.Linear(2, 2)
    workload = Workload(model=model)
    assert (model, None, None, None, None, None) == (
        workload.model,
        workload.batch,
        workload.loss,
        workload.optimizer,
        workload.mode,
        workload.name,
    )


def test_an_unknown_mode_is_refused() -> None:
    mode: Any = "training"
    with pytest.raises(WorkloadError, match="'train' or 'inference'"):
        Workload(model=nn.Linear(2, 2), mode=mode)


def test_a_loss_that_cannot_be_called_is_refused() -> None:
    loss: Any = torch.zeros(())
    with pytest.raises(WorkloadError, match=r"of type Tensor. Pass a callable: loss\(output, batch\)"):
        Workload(model=nn.Linear(2, 2), loss=loss)


def test_an_optimizer_instead_of_a_callable_is_refused_with_the_callable_to_write() -> None:
    model = nn.Linear(2, 2)
    optimizer: Any = torch.optim.SGD(model.parameters(), lr=0.1)
    with pytest.raises(WorkloadError, match="lambda parameters: SGD"):
        Workload(model=model, optimizer=optimizer)


def test_importing_the_package_loads_no_torch() -> None:
    program = "import sys, autoprec_runner.workload; sys.exit('torch' in sys.modules)"
    assert 0 == subprocess.run([sys.executable, "-c", program], check=False).returncode


def test_every_public_name_is_there() -> None:
    assert [] == [name for name in package.__all__ if not hasattr(package, name)]
