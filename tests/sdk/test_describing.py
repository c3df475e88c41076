"""`describe()`: a model in figures."""

import json

import pytest
import torch
from torch import nn

import autoprec
from autoprec_runner.errors import StudyError, WorkloadError


@pytest.fixture(scope="module")
def described() -> autoprec.ModelDescription:
    model = nn.Sequential(nn.Linear(16, 32), nn.ReLU(), nn.Linear(32, 4))
    return autoprec.describe(model, (torch.randn(8, 16), torch.randint(0, 4, (8,))), loss=nn.CrossEntropyLoss())


def test_a_model_is_described_in_figures(described: autoprec.ModelDescription) -> None:
    assert (676, {"Linear": 2, "ReLU": 1}, "train") == (described.parameters, described.layers, described.mode)


def test_what_a_step_does_is_told_in_each_precision_that_can_be_followed(
    described: autoprec.ModelDescription,
) -> None:
    assert described.cost is not None
    assert {"32-true", "bf16-mixed", "16-mixed", "bf16-true", "16-true", "64-true"} == {
        each.precision for each in described.cost.steps
    }


def test_the_optimizer_and_the_linear_layers_are_told(described: autoprec.ModelDescription) -> None:
    assert described.traits is not None
    assert described.traits.optimizer is not None
    assert "AdamW" == described.traits.optimizer.name
    assert [(16, 32), (32, 4)] == [(each.in_features, each.out_features) for each in described.traits.linears]


def test_the_cost_names_no_layer(described: autoprec.ModelDescription) -> None:
    assert described.cost is not None
    assert {""} == {work.layer for step in described.cost.steps for work in step.work}


def test_a_description_crosses_as_json(described: autoprec.ModelDescription) -> None:
    assert described == autoprec.ModelDescription.model_validate_json(described.model_dump_json())
    assert json.loads(described.model_dump_json())["model_fingerprint"] == described.model_fingerprint


def test_a_model_in_inference_has_no_optimizer() -> None:
    found = autoprec.describe(nn.Linear(8, 8), torch.randn(4, 8), mode="inference")
    assert found.traits is not None
    assert found.traits.optimizer is None


def test_what_cannot_be_honoured_is_refused() -> None:
    with pytest.raises(StudyError, match="mode='guess' is not available"):
        autoprec.describe(nn.Linear(8, 8), mode="guess")  # type: ignore[arg-type]
    with pytest.raises(WorkloadError):
        autoprec.describe("no_such_file.py:factory")
