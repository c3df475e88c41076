"""FP8 numbers without FP8 hardware: rounding, scales, gradients, training."""

import copy
import pickle
import sys
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import mse_loss

from autoprec_runner.engine import Engine
from autoprec_runner.errors import PrecisionError
from autoprec_runner.precision import Precision, TransformerEnginePrecision
from autoprec_runner.precision.transformer_engine.emulation import EmulatedLinear, Float8Autocast, emulate
from autoprec_runner.precision.transformer_engine.float8 import Float8Scale, ScalingRecipe
from autoprec_runner.testing import PrecisionContract

E4M3, E5M2 = torch.float8_e4m3fn, torch.float8_e5m2
ROUNDOFF = 2.0**-4
"""E4M3 keeps 3 bits of mantissa: a normal number moves by at most 2 ** -4 of itself."""
SUBNORMAL = 2.0**-10
"""Half the spacing of its smallest numbers."""


class TestEmulated(PrecisionContract):
    width = 16

    def make(self) -> Precision:
        return TransformerEnginePrecision(emulate=True)


class TestEmulatedFloat16(PrecisionContract):
    width = 16

    def make(self) -> Precision:
        return TransformerEnginePrecision(torch.float16, emulate=True)


class TestEmulatedCurrentScaling(PrecisionContract):
    width = 16

    def make(self) -> Precision:
        return TransformerEnginePrecision(torch.float32, recipe={"delayed": False}, emulate=True)


def layer(recipe: ScalingRecipe | None = None, *, features: int = 32, bias: bool = True) -> EmulatedLinear:
    torch.manual_seed(0)
    return emulate(nn.Linear(features, features, bias=bias), recipe or ScalingRecipe(amax_history_len=3))


def rounded(tensor: Tensor, dtype: torch.dtype) -> Tensor:
    """Return `tensor` rounded with a scale of its own, in float64."""
    scale = torch.finfo(dtype).max / tensor.abs().max()
    return (tensor * scale).to(dtype).double() / scale.double()


@pytest.mark.parametrize("seed", range(3))
def test_the_error_of_a_product_stays_within_that_of_e4m3(seed: int) -> None:
    torch.manual_seed(seed)
    x, run = torch.randn(8, 64) * 10.0**seed, layer(features=64, bias=False)
    weight = run.weight.detach()
    with Float8Autocast(delayed=False):
        out = run(x).detach()
    of_x, of_weight = (
        torch.maximum(each.double().abs() * ROUNDOFF, SUBNORMAL * each.double().abs().max() / 448)
        for each in (x, weight)
    )
    exact = x.double() @ weight.double().T
    allowed = of_x @ weight.double().abs().T + x.double().abs() @ of_weight.T + of_x @ of_weight.T
    assert bool(((out.double() - exact).abs() <= allowed).all())
    assert 0.005 < float((out.double() - exact).norm() / exact.norm()) < 0.06


def test_a_product_is_that_of_rounded_numbers() -> None:
    x, run = torch.randn(8, 32), layer()
    with Float8Autocast(delayed=False):
        out = run(x)
    expected = rounded(x, E4M3) @ rounded(run.weight.detach(), E4M3).T + run.bias.detach().double()
    torch.testing.assert_close(out.double(), expected, rtol=1e-5, atol=1e-5)


def test_a_product_agrees_with_the_fp8_kernel_of_torch() -> None:
    x, run = torch.randn(16, 32), layer(bias=False)
    scales = [448 / each.detach().abs().max() for each in (x, run.weight)]
    fp8 = [(each.detach() * scale).to(E4M3) for each, scale in zip((x, run.weight), scales, strict=True)]
    expected = torch._scaled_mm(fp8[0], fp8[1].T, 1 / scales[0], 1 / scales[1], out_dtype=torch.float32)
    with Float8Autocast(delayed=False):
        torch.testing.assert_close(run(x).detach(), expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(("fp8_format", "dtype"), [("HYBRID", E5M2), ("E4M3", E4M3)])
def test_gradients_are_rounded_to_their_own_format(fp8_format: Any, dtype: torch.dtype) -> None:
    run = layer(ScalingRecipe(fp8_format=fp8_format))
    x, gradient = torch.randn(8, 32, requires_grad=True), torch.randn(8, 32)
    with Float8Autocast(delayed=False):
        run(x).backward(gradient)
    assert dtype == run.gradient_scale.dtype
    of_output = rounded(gradient, dtype)
    assert x.grad is not None
    assert run.weight.grad is not None
    expected = of_output @ rounded(run.weight.detach(), E4M3), of_output.T @ rounded(x.detach(), E4M3)
    torch.testing.assert_close((x.grad.double(), run.weight.grad.double()), expected, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(gradient.sum(0), run.bias.grad)


def test_the_e5m2_rounding_of_a_gradient_is_coarser_than_that_of_e4m3() -> None:
    gradient = torch.randn(1000, generator=torch.Generator().manual_seed(0))
    errors = [float((rounded(gradient, each) - gradient).norm()) for each in (E5M2, E4M3)]
    assert 1.5 < errors[0] / errors[1] < 2.5


def step(run: nn.Module, x: Tensor) -> None:
    with Float8Autocast(delayed=True):
        out = run(x)
    out.sum().backward()


def test_the_scale_follows_the_amax_of_the_steps_before() -> None:
    run = layer(ScalingRecipe(amax_history_len=3))
    scales = []
    for amax in (2.0, 8.0, 4.0, 1.0, 1.0, 1.0):
        step(run, torch.full((8, 32), amax))
        scales.append(float(run.input_scale.scale))
    # The first step knows nothing; then the largest of up to three steps counts: 2, 8, 8, 8, 4, as 8 leaves the window.
    assert [1.0, 448 / 2, 448 / 8, 448 / 8, 448 / 8, 448 / 4] == scales


def test_the_most_recent_amax_counts_where_the_recipe_says_so() -> None:
    run = layer(ScalingRecipe(amax_history_len=4, amax_compute_algo="most_recent"))
    for amax in (8.0, 2.0, 2.0):
        step(run, torch.full((8, 32), amax))
    assert 448 / 2 == float(run.input_scale.scale)


def test_a_margin_leaves_bits_free() -> None:
    run = layer(ScalingRecipe(margin=2))
    for _ in range(2):
        step(run, torch.full((8, 32), 7.0))
    assert 448 / 7 / 4 == float(run.input_scale.scale)


def test_gradients_have_a_history_of_their_own() -> None:
    run = layer()
    for _ in range(2):
        with Float8Autocast(delayed=True):
            out = run(torch.ones(8, 32))
        (out * 0.25).sum().backward()
    assert 57344 / 0.25 == float(run.gradient_scale.scale)


@pytest.mark.parametrize("amax", [0.0, float("inf"), float("nan")])
def test_a_scale_stays_where_there_is_nothing_to_follow(amax: float) -> None:
    scale = Float8Scale(E4M3, ScalingRecipe())
    scale.scale = torch.tensor(5.0)
    scale.quantize(torch.tensor([amax]), delayed=True)
    scale.advance()
    assert 5.0 == float(scale.scale)


def test_a_tiny_amax_gives_the_largest_finite_scale() -> None:
    scale = Float8Scale(E4M3, ScalingRecipe())
    scale.quantize(torch.tensor([1e-40]), delayed=True)
    scale.advance()
    assert torch.finfo(torch.float32).max == float(scale.scale)


def test_what_outgrows_the_scale_saturates() -> None:
    numbers, factor = Float8Scale(E4M3, ScalingRecipe()).quantize(torch.tensor([1e6, -1e6, 3.0]), delayed=True)
    assert ([448.0, -448.0, 3.0], 1.0) == (numbers.float().tolist(), float(factor))


def test_an_empty_batch_is_no_trouble() -> None:
    with Float8Autocast(delayed=True):
        assert (0, 32) == layer()(torch.zeros(0, 32)).shape


def test_calls_in_one_region_are_one_step() -> None:
    run = layer()
    with Float8Autocast(delayed=True):
        run(torch.full((8, 32), 4.0))
        with Float8Autocast(delayed=True):
            run(torch.full((8, 32), 2.0))
    assert 1.0 == float(run.input_scale.scale)
    step(run, torch.ones(8, 32))
    assert 448 / 4 == float(run.input_scale.scale)


def test_without_gradients_scales_stay() -> None:
    run = layer()
    step(run, torch.full((8, 32), 4.0))
    with torch.no_grad():
        for _ in range(3):
            with Float8Autocast(delayed=True):
                run(torch.ones(8, 32))
    assert 1.0 == float(run.input_scale.scale)


def test_training_goes_on_after_inference_mode() -> None:
    run = layer()
    with torch.inference_mode(), Float8Autocast(delayed=True):
        run(torch.full((8, 32), 4.0))
    step(run, torch.ones(8, 32))
    step(run, torch.ones(8, 32))
    assert 448 / 4 == float(run.input_scale.scale)


def test_outside_a_region_the_layer_is_a_plain_one() -> None:
    x, run = torch.randn(8, 32), layer()
    assert torch.equal(nn.functional.linear(x, run.weight, run.bias), run(x))
    with pytest.raises(KeyError), Float8Autocast(delayed=False):
        raise KeyError
    assert torch.equal(nn.functional.linear(x, run.weight, run.bias), run(x))


def test_leading_dimensions_stay() -> None:
    run = layer()
    with Float8Autocast(delayed=False):
        shapes = [run(torch.randn(*shape, 32)).shape for shape in ((), (3,), (2, 3, 4))]
    assert [(32,), (3, 32), (2, 3, 4, 32)] == shapes


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_the_output_has_the_dtype_of_its_surroundings(dtype: torch.dtype) -> None:
    run = layer()
    with torch.autocast("cpu", dtype=dtype), Float8Autocast(delayed=False):
        assert dtype == run(torch.randn(8, 32)).dtype
    with Float8Autocast(delayed=False):
        assert dtype == run.to(dtype)(torch.randn(8, 32, dtype=dtype)).dtype


def test_the_state_goes_with_the_model() -> None:
    run = layer()
    step(run, torch.full((8, 32), 4.0))
    step(run, torch.full((8, 32), 2.0))
    fresh = layer()
    fresh.load_state_dict(run.state_dict())
    twins = [run, fresh, copy.deepcopy(run), pickle.loads(pickle.dumps(run))]  # noqa: S301 (our own bytes)
    outputs = []
    for each in twins:
        step(each, torch.ones(8, 32))
        with Float8Autocast(delayed=True):
            outputs.append(each(torch.full((8, 32), 0.3)))
    assert all(torch.equal(outputs[0], each) for each in outputs[1:])


def test_a_checkpoint_of_the_plain_layer_can_be_loaded() -> None:
    plain = nn.Linear(32, 32)
    run = layer()
    run.load_state_dict(plain.state_dict())
    assert torch.equal(plain.weight, run.weight)


def train(plugin: Precision, steps: int = 20) -> list[float]:
    torch.manual_seed(0)
    model: Any = nn.Sequential(nn.Linear(16, 64), nn.GELU(), nn.LayerNorm(64), nn.Linear(64, 16))
    engine = Engine(plugins=plugin, accelerator="cpu")
    model, optimizer = engine.setup(model, torch.optim.AdamW(model.parameters(), lr=3e-3))
    x = torch.randn(64, 16)
    target = torch.tanh(x.roll(1, dims=1))
    losses = []
    for _ in range(steps):
        optimizer.zero_grad()
        loss = mse_loss(model(x), target)
        engine.backward(loss)
        engine.clip_gradients(model, optimizer, max_norm=1.0)
        optimizer.step()
        losses.append(loss.item())
    return losses


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32])
@pytest.mark.parametrize("recipe", [None, {"amax_history_len": 16}, {"delayed": False}, {"fp8_format": "E4M3"}])
def test_twenty_steps_reduce_the_loss_and_stay_near_fp32(dtype: torch.dtype, recipe: dict[str, Any] | None) -> None:
    reference = train(Precision())
    losses = train(TransformerEnginePrecision(dtype, recipe=recipe, emulate=True))
    assert losses[-1] < 0.6 * losses[0]
    assert losses != reference
    assert abs(losses[-1] - reference[-1]) < 0.1 * reference[-1]


def test_emulation_needs_no_transformer_engine() -> None:
    train(TransformerEnginePrecision(emulate=True), steps=1)
    assert "transformer_engine" not in sys.modules


def test_inference_before_training_scales_by_the_tensor_itself() -> None:
    model: Any = nn.Sequential(nn.Linear(16, 16, bias=False))
    exact, x = model[0].weight.detach().double(), torch.randn(16, 16)
    model = Engine(plugins=TransformerEnginePrecision(emulate=True), accelerator="cpu").setup(model)
    with torch.inference_mode():
        error = model(x).double() - x.double() @ exact.T
    assert float(error.norm() / (x.double() @ exact.T).norm()) < 0.06


@pytest.mark.usefixtures("te")
def test_recipe_objects_of_the_library_are_understood() -> None:
    from transformer_engine.common import recipe as recipes  # noqa: PLC0415 (in reach through the fixture)

    delayed = TransformerEnginePrecision(recipe=recipes.DelayedScaling(amax_history_len=4, margin=1), emulate=True)
    current = TransformerEnginePrecision(recipe=recipes.Float8CurrentScaling(recipes.Format.E4M3), emulate=True)
    assert ScalingRecipe(amax_history_len=4, margin=1) == delayed.recipe
    assert not current.recipe.delayed
    with pytest.raises(PrecisionError, match="cannot be emulated: the emulation knows DelayedScaling"):
        TransformerEnginePrecision(recipe=recipes.MXFP8BlockScaling(), emulate=True)


@pytest.mark.parametrize(
    ("recipe", "message"),
    [
        ({"amax_history": 4}, "takes no 'amax_history'; allowed: fp8_format, margin, amax_history_len"),
        ({"fp8_format": "E5M2"}, r"fp8_format='E5M2'; allowed: HYBRID, E4M3"),
        ({"amax_compute_algo": max}, "amax_compute_algo=.*; allowed: max, most_recent"),
        ({"amax_history_len": 0}, "amax_history_len=0; at least 1"),
    ],
)
def test_options_that_the_emulation_does_not_know_are_refused(recipe: dict[str, Any], message: str) -> None:
    with pytest.raises(PrecisionError, match=message):
        TransformerEnginePrecision(recipe=recipe, emulate=True)


def test_effective_dtypes_call_it_emulated() -> None:
    engine = Engine(plugins=TransformerEnginePrecision(emulate=True), accelerator="cpu")
    model = engine.setup(nn.Sequential(nn.Linear(16, 16)))
    assert "emulated float8_e4m3fn, bfloat16" == engine.effective_dtypes(model).compute


def test_only_transformer_engine_is_emulated() -> None:
    with pytest.raises(PrecisionError, match="There is no emulation of 'bf16-mixed'"):
        Precision.emulated("bf16-mixed", device="cpu")
    plugin = TransformerEnginePrecision.emulated("transformer-engine-float16", device="cpu")
    assert ("transformer-engine-float16", True) == (plugin.precision, plugin.emulate)
