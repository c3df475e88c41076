"""Optimizers: the user's or AdamW."""

from typing import Any

import pytest
import torch
from torch import nn

from autoprec_runner.errors import WorkloadError
from autoprec_runner.workload.optimizers import default_optimizer, given_optimizer


def _sgd(rate: float) -> Any:
    return given_optimizer(nn.Linear(2, 2), lambda parameters: torch.optim.SGD(parameters, lr=rate))


def test_the_default_is_adamw_and_is_told() -> None:
    recipe = default_optimizer(nn.Linear(2, 2))
    optimizer = recipe.make(nn.Linear(2, 2))
    assert isinstance(optimizer, torch.optim.AdamW)
    assert 1e-3 == optimizer.defaults["lr"]
    assert ("Optimizer assumed: AdamW with a learning rate of 0.001.",) == recipe.sentences


def test_only_trainable_parameters_are_given() -> None:
    model = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    model[0].requires_grad_(requires_grad=False)
    optimizer = given_optimizer(model, torch.optim.Adagrad).make(model)
    assert list(model[1].parameters()) == optimizer.param_groups[0]["params"]


def test_the_identity_holds_the_hyperparameters() -> None:
    assert _sgd(0.1).identity == _sgd(0.1).identity
    assert _sgd(0.1).identity != _sgd(0.2).identity
    assert _sgd(0.1).identity != default_optimizer(nn.Linear(2, 2)).identity


@pytest.mark.parametrize(
    ("optimizer", "message"),
    [
        (lambda _: None, r"optimizer\(parameters\) returned an object of type NoneType, not an Optimizer"),
        (lambda _: 1 / 0, r"optimizer\(parameters\) failed: ZeroDivisionError"),
        (lambda _: torch.optim.SGD(nn.Linear(2, 2).parameters()), "other parameters than the model's"),
    ],
)
def test_what_makes_no_optimizer_is_told(optimizer: Any, message: str) -> None:
    with pytest.raises(WorkloadError, match=message):
        given_optimizer(nn.Linear(2, 2), optimizer)
