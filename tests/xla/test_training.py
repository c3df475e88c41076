"""What the precision strings do under XLA: dtypes, numbers, steps."""

import weakref

import pytest
import torch

pytest.importorskip("torch_xla", reason="needs torch-xla, which has an environment of its own: make test-xla")

from torch import nn
from torch.nn.functional import mse_loss
from xla_models import batches, make_net, make_optimizer, train, weights

from autoprec_runner.engine import Engine
from autoprec_runner.errors import PrecisionError

DTYPES = {
    "32-true": (torch.float32, torch.float32),
    "bf16-mixed": (torch.float32, torch.bfloat16),
    "16-mixed": (torch.float32, torch.bfloat16),
    "bf16-true": (torch.bfloat16, torch.bfloat16),
    "16-true": (torch.float16, torch.float16),
    "64-true": (torch.float64, torch.float64),
}
"""Of parameters, gradients and optimizer state, and of the products in forward."""


def engine_for(precision: str = "32-true") -> Engine:
    return Engine(precision, strategy="xla", accelerator="cpu")


@pytest.mark.parametrize(("precision", "dtypes"), DTYPES.items())
def test_twenty_steps_lower_the_loss_in_the_dtypes_of_the_precision(
    precision: str,
    dtypes: tuple[torch.dtype, torch.dtype],
) -> None:
    kept, computed = dtypes
    engine, seen = engine_for(precision), []
    model, optimizer = engine.setup(make_net(), make_optimizer)
    model.first.register_forward_hook(lambda _, inputs, output: seen.extend([inputs[0].dtype, output.dtype]))
    losses = train(engine, model, optimizer)
    assert sum(losses[-5:]) < sum(losses[:5])
    x, y = engine.to_device(next(batches()))
    engine.backward(mse_loss(model(x), y))
    assert {computed} == set(seen)
    assert (kept, kept) == (model.head.weight.dtype, model.head.weight.grad.dtype)
    assert kept == optimizer.state[model.head.weight]["exp_avg"].dtype
    assert "xla" == model.head.weight.grad.device.type


def test_16_mixed_says_that_bfloat16_runs() -> None:
    engine = engine_for("16-mixed")
    model, optimizer = engine.setup(make_net(), make_optimizer)
    train(engine, model, optimizer, steps=1)
    dtypes = engine.effective_dtypes(model, optimizer)
    assert ("float32", "bfloat16", "bfloat16") == (dtypes.parameters, dtypes.compute, dtypes.inputs)
    assert "16-mixed is bfloat16 autocast under XLA" in str(dtypes.note)


@pytest.mark.parametrize(("max_norm", "clip_val"), [(None, None), (0.1, None), (None, 0.01)])
def test_float32_trains_as_eager_pytorch_does(max_norm: float | None, clip_val: float | None) -> None:
    results = []
    for engine in (Engine("32-true", accelerator="cpu"), engine_for()):
        model, optimizer = engine.setup(make_net(), make_optimizer)
        results.append((train(engine, model, optimizer, max_norm=max_norm, clip_val=clip_val), weights(model)))
    (expected, eager), (actual, compiled) = results
    torch.testing.assert_close(torch.tensor(actual), torch.tensor(expected), rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(compiled, eager, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("precision", ["bf16-mixed", "bf16-true"])
def test_bfloat16_follows_eager_pytorch_within_its_resolution(precision: str) -> None:
    expected, actual = (
        torch.tensor(train(engine, *engine.setup(make_net(), make_optimizer)))
        for engine in (Engine(precision, accelerator="cpu"), engine_for(precision))
    )
    torch.testing.assert_close(actual, expected, rtol=0.05, atol=0.01)


def test_the_norm_before_clipping_is_that_of_eager_pytorch() -> None:
    norms = []
    for engine in (Engine("32-true", accelerator="cpu"), engine_for()):
        model, optimizer = engine.setup(make_net(), make_optimizer)
        x, y = engine.to_device(next(batches()))
        engine.backward(mse_loss(model(x), y))
        norm = engine.clip_gradients(model, optimizer, max_norm=1.0)
        assert norm is not None
        norms.append(norm.item())
    assert norms[0] == pytest.approx(norms[1], rel=1e-5)


def test_clipping_refuses_a_norm_that_is_not_finite() -> None:
    engine = engine_for()
    model, optimizer = engine.setup(make_net(), make_optimizer)
    engine.backward(model(torch.full((2, 8), torch.inf, device=engine.device)).sum())
    with pytest.raises(RuntimeError, match="non-finite"):
        engine.clip_gradients(model, optimizer, max_norm=1.0)


def test_accumulated_halves_are_one_batch() -> None:
    grads = []
    for parts in (1, 2):
        engine = engine_for()
        model = engine.setup(make_net())
        x, y = engine.to_device(next(batches()))
        for some_x, some_y in zip(x.chunk(parts), y.chunk(parts), strict=True):
            engine.backward(mse_loss(model(some_x), some_y) / parts)
        grads.append(model.head.weight.grad.cpu())
    torch.testing.assert_close(grads[1], grads[0])


def test_an_optimizer_with_a_closure_steps_on_what_the_closure_computes() -> None:
    engine = engine_for()
    model = nn.Linear(8, 2)
    model, optimizer = engine.setup(model, torch.optim.LBFGS(model.parameters(), max_iter=3))
    x, y = engine.to_device(next(batches()))

    def closure() -> torch.Tensor:
        optimizer.zero_grad()
        loss = mse_loss(model(x), y)
        engine.backward(loss)
        return loss

    before = optimizer.step(closure).item()
    assert mse_loss(model(x), y).item() < before


def test_programs_are_compiled_in_the_first_steps_only() -> None:
    engine = engine_for()
    model, optimizer = engine.setup(make_net(), make_optimizer)
    train(engine, model, optimizer, steps=3)
    compiled = engine.compilations
    train(engine, model, optimizer, steps=3)
    assert compiled > 0
    assert compiled == engine.compilations


@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed", "bf16-true"])
def test_a_model_stays_what_it_was(precision: str) -> None:
    model = make_net().eval()
    first, calls = model.first.weight, []
    model.head.register_forward_hook(lambda *_: calls.append("head"))
    names = list(model.state_dict())
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    engine = engine_for(precision)
    ready, wrapped = engine.setup(model, optimizer)
    assert ready is model
    assert model.tied.weight is first is model.first.weight is wrapped.param_groups[0]["params"][0]
    assert (False, False, True) == (model.training, model.frozen.weight.requires_grad, first.requires_grad)
    assert names == list(model.state_dict())
    assert (torch.complex64, torch.int64) == (model.wave.dtype, model.count.dtype)
    assert 1 + 2j == model.wave.item()
    assert torch.float32 == model(engine.to_device(torch.ones(2, 8))).dtype
    assert ["head"] == calls
    assert {"xla"} == {each.device.type for each in model.state_dict().values()}


def test_modules_are_created_on_the_device_and_in_the_dtype() -> None:
    engine = engine_for("bf16-true")
    with engine.init_module():
        layer = nn.Linear(2, 2)
    assert ("xla", torch.bfloat16) == (layer.weight.device.type, layer.weight.dtype)


def test_a_seed_reaches_the_random_numbers_of_the_device() -> None:
    engine, drawn = engine_for(), []
    for _ in range(2):
        engine.seed(7)
        drawn.append(nn.functional.dropout(torch.ones(64, device=engine.device), 0.5).cpu())
    assert torch.equal(*drawn)


def test_inference_runs_without_gradients_and_not_in_inference_mode() -> None:
    engine = engine_for("bf16-mixed")
    model = engine.setup(make_net())
    x = engine.to_device(torch.ones(2, 8))
    with torch.no_grad():
        assert (2, 2) == model(x).shape
    with torch.inference_mode(), pytest.raises(PrecisionError, match=r"Use torch\.no_grad"):
        model(x)


def test_one_process_is_alone() -> None:
    assert (0, 1, "xla") == (engine_for().rank, engine_for().world_size, engine_for().strategy)


def test_parameters_that_somebody_refers_to_weakly_cannot_be_moved() -> None:
    model = nn.Linear(2, 2)
    held = weakref.ref(model.weight)
    with pytest.raises(PrecisionError, match="The parameters of Linear cannot be moved to xla:0"):
        engine_for().setup(model)
    assert held() is model.weight


def test_another_device_cannot_be_had_once_xla_runs() -> None:
    engine_for()
    with pytest.raises(PrecisionError, match="XLA runs on CPU in this process already"):
        Engine(strategy="xla", accelerator="tpu")


def test_variables_that_change_what_a_dtype_means_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XLA_USE_BF16", "1")
    with pytest.raises(PrecisionError, match="XLA_USE_BF16=1 is set"):
        engine_for()
