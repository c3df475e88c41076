"""FSDP in one process: what the strings mean, what is sharded, what is refused. The group is the engine's own."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from strategy_models import Net, Tied, batches, make_net, make_optimizer, parameters, train
from torch import distributed, nn
from torch.distributed.fsdp import FSDPModule, MixedPrecisionPolicy
from torch.distributed.fsdp.sharded_grad_scaler import ShardedGradScaler
from torch.distributed.tensor import DTensor
from torch.nn.functional import mse_loss

from autoprec_runner.engine import Engine
from autoprec_runner.errors import PrecisionError
from autoprec_runner.precision import FSDPPrecision, Precision
from autoprec_runner.strategy.units import blocks
from autoprec_runner.testing import PrecisionContract

COMPUTE = {
    "32-true": torch.float32,
    "bf16-mixed": torch.bfloat16,
    "16-mixed": torch.float16,
    "bf16-true": torch.bfloat16,
    "16-true": torch.float16,
}


@pytest.fixture
def engines() -> Iterator[Any]:
    made: list[Engine] = []

    def make(precision: Any = "32-true", **options: Any) -> Engine:
        made.append(Engine(precision, strategy="fsdp", accelerator="cpu", **options))
        return made[-1]

    yield make
    for engine in reversed(made):
        engine.close()
    assert not distributed.is_initialized()


class _FSDPContract(PrecisionContract):
    precision = ""

    def make(self) -> Precision:
        return FSDPPrecision(self.precision, device="cpu")

    def make_engine(self, plugin: Precision) -> Engine:
        return Engine(plugin, strategy="fsdp", accelerator="cpu")


class TestFloat32(_FSDPContract):
    precision = "32-true"


class TestBFloat16Mixed(_FSDPContract):
    precision = "bf16-mixed"


class TestFloat16Mixed(_FSDPContract):
    precision = "16-mixed"


class TestBFloat16True(_FSDPContract):
    precision = "bf16-true"


class TestFloat16True(_FSDPContract):
    precision = "16-true"


@pytest.mark.parametrize(("precision", "dtype"), COMPUTE.items())
def test_the_policy_gathers_and_reduces_in_the_dtype_of_the_precision(precision: str, dtype: torch.dtype) -> None:
    plugin = FSDPPrecision(precision, device="cpu")
    policy = plugin.mixed_precision_config
    assert (dtype, dtype, None) == (policy.param_dtype, policy.reduce_dtype, policy.output_dtype)
    assert policy == plugin.setup_mixed_precision_config()


@pytest.mark.parametrize(("alias", "precision"), [(32, "32-true"), ("32", "32-true")])
def test_aliases_are_taken(alias: str | int, precision: str) -> None:
    assert precision == FSDPPrecision(alias, device="cpu").precision


@pytest.mark.parametrize(("precision", "why"), [("64-true", "at most float32"), ("bnb-nf4", "must be one of: 32-true")])
def test_other_precisions_are_refused_with_the_reason(precision: str, why: str) -> None:
    with pytest.raises(PrecisionError, match=rf"FSDPPrecision\(precision='{precision}'\).*{why}"):
        FSDPPrecision(precision, device="cpu")


def test_only_16_mixed_has_a_scaler() -> None:
    scaler = ShardedGradScaler("cpu")
    assert FSDPPrecision("16-mixed", scaler).scaler is scaler
    assert isinstance(FSDPPrecision("16-mixed", device="cpu").scaler, ShardedGradScaler)
    with pytest.raises(PrecisionError, match="`precision='bf16-mixed'` does not use a scaler"):
        FSDPPrecision("bf16-mixed", scaler)


@pytest.mark.parametrize("precision", COMPUTE)
@pytest.mark.parametrize("max_norm", [None, 0.3])
def test_one_process_trains_bit_for_bit_as_without_fsdp(precision: str, max_norm: float | None, engines: Any) -> None:
    results = []
    for engine in (Engine(precision, accelerator="cpu"), engines(precision)):
        model, optimizer = engine.setup(make_net(), make_optimizer)
        results.append((train(engine, model, optimizer, max_norm=max_norm), parameters(model)))
    (expected, weights), (actual, others) = results
    assert expected == actual
    assert all(map(torch.equal, weights.values(), others.values()))


@pytest.mark.parametrize("precision", COMPUTE)
def test_the_forward_sees_the_dtype_and_returns_the_default_dtype(precision: str, engines: Any) -> None:
    seen: list[torch.dtype] = []
    model = make_net()
    model.embedding.register_forward_hook(lambda _, inputs, output: seen.extend([inputs[0].dtype, output.dtype]))
    output = engines(precision).setup(model)(torch.ones(2, 6))
    assert ([COMPUTE[precision]] * 2, torch.float32) == (seen, output.dtype)


def test_blocks_and_the_model_are_sharded_and_stay_what_they_were(engines: Any) -> None:
    net = make_net()
    keys = list(net.state_dict())
    model: Any = engines().setup(net)
    assert model is net
    assert [True, True] == [isinstance(model, kind) for kind in (Net, FSDPModule)]
    assert keys == list(model.state_dict())
    assert [True, True] == [isinstance(each, FSDPModule) for each in model.blocks]
    assert not isinstance(model.head, FSDPModule)
    assert all(isinstance(each, DTensor) for each in model.parameters())


def test_the_units_can_be_chosen(engines: Any) -> None:
    model = engines(units=lambda model: [model.head]).setup(make_net())
    assert [False, True] == [isinstance(each, FSDPModule) for each in (model.blocks[0], model.head)]


def test_what_fsdp_is_told_can_be_chosen(engines: Any) -> None:
    policy = MixedPrecisionPolicy(param_dtype=torch.bfloat16, reduce_dtype=torch.float32)
    engine = engines("bf16-mixed", mixed_precision=policy)
    effective = engine.effective_dtypes(engine.setup(make_net()))
    assert ("bfloat16", "float32") == (effective.compute, effective.reduction)


def test_a_tied_weight_stays_one_weight(engines: Any) -> None:
    net = Tied()
    assert [net.layers[0]] == blocks(net)
    engine = engines()
    model, optimizer = engine.setup(net, torch.optim.SGD(net.parameters(), lr=0.1))
    engine.backward(model(torch.ones(2, 4)).sum())
    optimizer.step()
    assert model.layers[1].weight is model.first.weight


def test_batch_norm_stays_in_float32(engines: Any) -> None:
    engine = engines("bf16-mixed")
    model = engine.setup(nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4), nn.Linear(4, 2)))
    engine.backward(model(torch.randn(8, 4)).sum())
    assert torch.float32 == model[1].running_mean.dtype
    assert engine.effective_dtypes(model).reduction == "bfloat16, float32"


def test_an_optimizer_made_before_is_pointed_to_the_shards(engines: Any) -> None:
    engine, net = engines(), make_net()
    mine = make_optimizer(net)
    model, optimizer = engine.setup(net, mine)
    assert [id(each) for each in model.parameters()] == [id(each) for each in mine.param_groups[0]["params"]]
    train(engine, model, optimizer)
    assert len(mine.state) == len(list(model.parameters()))


def test_an_optimizer_with_a_state_from_before_is_refused(engines: Any) -> None:
    net = make_net()
    optimizer = make_optimizer(net)
    net(torch.ones(2, 6)).sum().backward()
    optimizer.step()
    with pytest.raises(PrecisionError, match="AdamW has a state for parameters that are sharded now"):
        engines().setup(net, optimizer)


def test_a_parameter_that_cannot_be_sharded_is_named(engines: Any) -> None:
    net = nn.Linear(2, 2)
    net.scale = nn.Parameter(torch.ones(()))
    with pytest.raises(PrecisionError, match="FSDP cannot shard Linear"):
        engines().setup(net)


@pytest.mark.parametrize("precision", ["32-true", "16-mixed"])
def test_checkpoints_go_from_one_strategy_to_the_other(precision: str, tmp_path: Path, engines: Any) -> None:
    runs = [Engine(precision, accelerator="cpu"), engines(precision)]
    for saving, loading in (runs, reversed(runs)):
        model, optimizer = saving.setup(make_net(), make_optimizer)
        train(saving, model, optimizer)
        saving.save(tmp_path / "run.ckpt", {"model": model, "optimizer": optimizer})
        fresh, other = loading.setup(make_net(seed=3), make_optimizer)
        loading.load(tmp_path / "run.ckpt", {"model": fresh, "optimizer": other})
        assert all(map(torch.equal, parameters(model).values(), parameters(fresh).values()))
        assert train(saving, model, optimizer) == train(loading, fresh, other)


def test_inference_runs_without_gradients(engines: Any) -> None:
    model = engines("bf16-mixed").setup(make_net())
    x, _ = next(batches())
    with torch.no_grad():
        expected = model(x)
    assert not expected.requires_grad
    assert torch.equal(expected, model(x))
    with torch.inference_mode(), pytest.raises(PrecisionError, match=r"Use torch\.no_grad"):
        model(x)


@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed", "bf16-true"])
def test_calling_forward_directly_gathers_the_parameters_too(precision: str, engines: Any) -> None:
    engine = engines(precision)
    model, optimizer = engine.setup(make_net(), make_optimizer)
    x, y = next(batches())
    assert torch.equal(model(x), model.forward(x))
    engine.backward(mse_loss(model.forward(x), y))
    optimizer.step()
    assert mse_loss(model.forward(x), y) < mse_loss(make_net()(x), y)


def test_an_engine_without_processes_around_it_is_alone(engines: Any) -> None:
    engine = engines()
    assert (0, 1, "fsdp") == (engine.rank, engine.world_size, engine.strategy)
    assert distributed.is_initialized()


def test_a_group_that_was_there_before_stays(engines: Any) -> None:
    outer, inner = engines(), engines()
    inner.close()
    assert distributed.is_initialized()
    outer.close()
    outer.close()
    assert not distributed.is_initialized()


def test_half_an_environment_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(os.environ, "RANK", "0")
    with pytest.raises(PrecisionError, match="not WORLD_SIZE, MASTER_ADDR, MASTER_PORT"):
        Engine(strategy="fsdp", accelerator="cpu")
