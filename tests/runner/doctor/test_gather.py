"""What a child tells of a workload, and that describing it leaves no trace."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from autoprec_runner.doctor.gather import gather_traits
from autoprec_runner.doctor.traits import LinearShape, WorkloadTraits
from autoprec_runner.trials.prepared import Prepared
from autoprec_runner.workload import Workload
from autoprec_runner.workload.task import resolve

Describe = Callable[[str], Prepared]


def traits_of(model: nn.Module, batch: object, **fields: object) -> WorkloadTraits:
    return gather_traits(resolve(Workload(model=model, batch=batch, **fields), mode="inference"))  # type: ignore[arg-type]


def test_the_description_crosses_from_the_child(described: Describe) -> None:
    traits = described("adam").traits
    assert traits is not None
    assert traits == WorkloadTraits.model_validate_json(traits.model_dump_json())
    assert ("train", 5200, 5200, 32) == (traits.mode, traits.parameters, traits.trained_parameters, traits.rows)
    assert (
        LinearShape(first="0", count=1, in_features=64, out_features=64),
        LinearShape(first="2", count=1, in_features=64, out_features=16),
    ) == traits.linears
    assert traits.optimizer is not None
    assert ("Adam", 2, False) == (traits.optimizer.name, traits.optimizer.state_tensors, traits.optimizer.fused)
    assert [(5200, 1e-3, 1e-8, True)] == [
        (each.parameters, each.learning_rate, each.eps, each.adaptive) for each in traits.groups
    ]
    assert 4 * 5200 * 4 == traits.state_bytes


def test_a_learning_rate_may_be_a_tensor(described: Describe) -> None:
    traits = described("tiny_learning_rate").traits
    assert traits is not None
    assert [pytest.approx(1e-6)] == [each.learning_rate for each in traits.groups]


@pytest.mark.parametrize(("factory", "state"), [("sgd", 1), ("fused_adam", 2), ("lbfgs", None)])
def test_the_state_of_known_optimizers_is_counted(described: Describe, factory: str, state: int | None) -> None:
    traits = described(factory).traits
    assert traits is not None
    assert traits.optimizer is not None
    assert (state, state is None) == (traits.optimizer.state_tensors, traits.state_bytes is None)


def test_inference_has_no_optimizer(described: Describe) -> None:
    traits = described("served").traits
    assert traits is not None
    assert (None, (), 4 * 5200) == (traits.optimizer, traits.groups, traits.state_bytes)


@pytest.mark.parametrize(
    ("model", "batch", "rows"),
    [
        (nn.Linear(8, 8), torch.randn(4, 8), 4),
        (nn.Linear(8, 8), torch.randn(4, 5, 8), 20),
        (nn.Embedding(9, 8), torch.zeros(4, 5, dtype=torch.long), 20),
        (nn.Conv2d(1, 1, 1), torch.randn(4, 1, 8, 8), None),
    ],
    ids=["vectors", "sequences", "ids", "images"],
)
def test_rows_are_counted_where_the_input_tells(model: nn.Module, batch: Tensor, rows: int | None) -> None:
    assert rows == traits_of(model, batch).rows


@pytest.mark.parametrize(
    ("weight", "fits"),
    [
        (torch.arange(16.0).view(4, 4), True),
        (torch.arange(16.0).view(4, 4) / 3, False),
        (torch.ones(4, 4), False),
    ],
    ids=["numbers of bfloat16", "other numbers", "ones"],
)
def test_weights_that_are_all_numbers_of_bfloat16_are_recognised(weight: Tensor, *, fits: bool) -> None:
    model = nn.Linear(4, 4, bias=False)
    model.weight.data = weight
    weights = traits_of(model, torch.randn(4, 4)).weights
    assert (fits, float(weight.max()), "weight") == (weights.fit_bfloat16, weights.largest, weights.largest_name)


def test_weights_that_are_not_numbers_or_not_there_are_borne() -> None:
    model = nn.Linear(2, 2)
    model.bias.data.fill_(torch.nan)
    assert torch.isfinite(torch.tensor(traits_of(model, torch.randn(4, 2)).weights.largest))
    empty = traits_of(nn.Identity(), torch.randn(4, 2))
    assert (0, None, False, 0.0) == (
        empty.parameters,
        empty.weights.typical,
        empty.weights.fit_bfloat16,
        empty.weights.largest,
    )


def test_a_layer_under_two_names_counts_twice_and_compiled_parts_are_seen() -> None:
    layer = nn.Linear(4, 4)
    assert [2] == [each.count for each in traits_of(nn.Sequential(layer, layer), torch.randn(2, 4)).linears]
    model = nn.Sequential(nn.Linear(4, 4))
    assert not traits_of(model, torch.randn(2, 4)).compiled
    model[0].compile(backend="eager")
    assert traits_of(model, torch.randn(2, 4)).compiled


def test_describing_changes_neither_weights_nor_random_numbers() -> None:
    task = resolve(Workload(model=nn.Linear(4, 4), batch=torch.randn(2, 4), loss=lambda output, _: output.sum()))
    weights, generator = task.model.weight.detach().clone(), torch.get_rng_state()  # type: ignore[operator]
    gather_traits(task)
    assert torch.equal(weights, task.model.weight)  # type: ignore[arg-type]
    assert torch.equal(generator, torch.get_rng_state())
