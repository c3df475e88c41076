"""Two real processes under FSDP, over gloo, beside one process without."""

from typing import Any

import pytest
import torch
from strategy_models import batches, make_net, make_optimizer, parameters, train
from torch.nn.functional import mse_loss

from autoprec_runner.engine import Engine
from autoprec_runner.precision import MixedPrecision

PRECISIONS = ("32-true", "bf16-mixed", "16-mixed", "bf16-true", "16-true")
TOLERANCE = {"32-true": 1e-5, "bf16-mixed": 2e-2, "16-mixed": 2e-3, "bf16-true": 5e-2, "16-true": 2e-2}


@pytest.fixture(scope="module")
def found(launch: Any) -> dict[str, Any]:
    result: dict[str, Any] = launch("fsdp_ranks.py")
    return result


def alone(precision: str, **options: Any) -> tuple[list[float], dict[str, torch.Tensor], Engine]:
    scaler = torch.amp.GradScaler("cpu", init_scale=8.0)
    plugin = MixedPrecision("16-mixed", "cpu", scaler=scaler) if precision == "16-mixed" else precision
    engine = Engine(plugin, accelerator="cpu")
    model, optimizer = engine.setup(make_net(), make_optimizer)
    return train(engine, model, optimizer, **options), parameters(model), engine


def distance(expected: dict[str, torch.Tensor], actual: dict[str, torch.Tensor]) -> float:
    assert list(expected) == list(actual)
    pairs = zip(expected.values(), actual.values(), strict=True)
    return max((one.float() - other.float()).abs().max().item() for one, other in pairs)


def test_the_processes_find_each_other_and_part(found: dict[str, Any]) -> None:
    assert (0, 2, True) == (found["rank"], found["world_size"], found["closed"])


@pytest.mark.parametrize("precision", PRECISIONS)
def test_twenty_steps_on_the_same_batches_are_those_of_one_process(precision: str, found: dict[str, Any]) -> None:
    losses, weights, _ = alone(precision)
    assert losses == pytest.approx(found[precision]["seen"], rel=TOLERANCE[precision])
    assert distance(weights, found[precision]["parameters"]) < TOLERANCE[precision]


@pytest.mark.parametrize("precision", PRECISIONS)
def test_twenty_steps_on_halves_of_the_batches_are_those_of_one_process(precision: str, found: dict[str, Any]) -> None:
    _, weights, _ = alone(precision)
    assert distance(weights, found[f"{precision} shared"]["parameters"]) < TOLERANCE[precision]


@pytest.mark.parametrize("precision", PRECISIONS)
def test_gradients_are_clipped_by_the_norm_over_all_shards(precision: str, found: dict[str, Any]) -> None:
    norms, weights, _ = alone(precision, max_norm=0.3)
    assert norms == pytest.approx(found[f"{precision} clipped"]["seen"], rel=5 * TOLERANCE[precision])
    assert distance(weights, found[f"{precision} clipped"]["parameters"]) < TOLERANCE[precision]


def test_gradients_of_several_backwards_add_up(found: dict[str, Any]) -> None:
    _, weights, _ = alone("32-true", accumulate=2)
    assert distance(weights, found["accumulated"]["parameters"]) < TOLERANCE["32-true"]


def test_each_process_holds_its_part_of_parameters_and_optimizer_state(found: dict[str, Any]) -> None:
    assert (2, 8) == found["32-true"]["shard"] == found["32-true"]["state_shard"]  # of 3 rows, the first process has 2


@pytest.mark.parametrize("precision", PRECISIONS)
def test_effective_dtypes_say_what_is_gathered_and_reduced(precision: str, found: dict[str, Any]) -> None:
    kept = {"bf16-true": "bfloat16", "16-true": "float16"}.get(precision, "float32")
    compute = {"32": "float32", "16": "float16", "bf16": "bfloat16"}[precision.partition("-")[0]]
    # Norms stay in float32 under a mixed precision on a CPU, and their gradients are reduced so.
    reduction = f"{compute}, float32" if precision.endswith("-mixed") else compute
    assert {
        "parameters": kept,
        "compute": compute,
        "gradients": kept,
        "reduction": reduction,
        "optimizer_state": kept,
        "inputs": compute,
    } == {name: value for name, value in found[precision]["dtypes"].items() if value is not None}


def test_an_overflow_in_one_process_makes_all_skip_the_step(found: dict[str, Any]) -> None:
    assert {"skipped_and_scale": [[1.0, 2.0**15]] * 2, "unchanged": True} == found["skipping"]


@pytest.mark.parametrize("precision", ["32-true", "16-mixed"])
def test_a_resumed_run_goes_on_as_if_it_had_not_stopped(precision: str, found: dict[str, Any]) -> None:
    resumed = found[f"{precision} resumed"]
    assert found[precision]["seen"] == resumed["losses"]
    assert distance(resumed["parameters"], found[precision]["parameters"]) == 0
    assert resumed["step"] == 10


def test_a_checkpoint_that_cannot_be_written_is_an_error_and_no_deadlock(found: dict[str, Any]) -> None:
    assert found["refused"] in {"NotADirectoryError", "FileExistsError"}


def test_gradients_that_are_not_finite_in_another_process_are_seen_when_clipping(found: dict[str, Any]) -> None:
    assert "non-finite" in found["not finite"]


def test_a_marked_method_gathers_the_parameters(found: dict[str, Any]) -> None:
    x, y = next(batches())
    assert mse_loss(make_net()(x), y).item() == pytest.approx(found["method"])
