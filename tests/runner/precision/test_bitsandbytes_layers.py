"""The quantized layers with the real bitsandbytes, on the CPU."""

import copy
import io
import pickle
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import torch
from torch import nn

pytest.importorskip("bitsandbytes", reason="needs bitsandbytes")

from bitsandbytes.functional import dequantize_4bit

from autoprec_runner.errors import PrecisionError
from autoprec_runner.precision import weight_bytes
from autoprec_runner.precision.bitsandbytes import MODES, Mode, layers
from autoprec_runner.precision.bitsandbytes.four_bits import _is_packed

FOUR_BIT: tuple[Mode, ...] = ("nf4", "nf4-dq", "fp4", "fp4-dq")
FROZEN: tuple[Mode, ...] = (*FOUR_BIT, "int8")

ERRORS = {"nf4": 0.11, "nf4-dq": 0.11, "fp4": 0.15, "fp4-dq": 0.15, "int8": 0.02, "int8-training": 0.02}
"""Largest relative error of a product with normally distributed numbers, a little above what was measured."""

needs_fused_kernel = pytest.mark.skipif(not layers.FUSED_ON_CPU, reason="needs a CPU with avx512_bf16")


def linear(in_features: int = 128, out_features: int = 64, *, bias: bool = True) -> nn.Linear:
    torch.manual_seed(0)
    return nn.Linear(in_features, out_features, bias=bias)


def quantized(mode: Mode, layer: nn.Linear | None = None, dtype: torch.dtype = torch.bfloat16) -> Any:
    layer = linear() if layer is None else layer
    layers.quantize(layer, mode, dtype)
    return layer


def batch(*shape: int, dtype: torch.dtype = torch.bfloat16) -> torch.Tensor:
    torch.manual_seed(1)
    return torch.randn(*shape).to(dtype)  # drawn in another dtype, the numbers would be others on some processors


def relative(ours: torch.Tensor, true: torch.Tensor | None) -> float:
    assert true is not None
    return float((ours.double() - true.double()).norm() / true.double().norm())


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("shape", [(128,), (1, 128), (5, 128), (2, 3, 128), (2, 2, 3, 128), (0, 128)], ids=str)
@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("grad", [True, False])
def test_every_shape_and_mode_gives_nearly_the_product(
    mode: Mode, shape: tuple[int, ...], *, training: bool, grad: bool
) -> None:
    x = batch(*shape).requires_grad_(grad)
    expected = linear()(x.float()).detach()
    with torch.set_grad_enabled(grad):
        output = quantized(mode).train(training)(x)
    assert (torch.bfloat16, expected.shape) == (output.dtype, output.shape)
    if x.numel():
        assert relative(output.detach(), expected) < ERRORS[mode]
    if grad:
        output.sum().backward()
        assert x.grad is not None
        assert x.grad.shape == x.shape


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("shape", [(5, 128), (2, 3, 128)], ids=str)
def test_gradients_are_nearly_those_of_the_linear_layer(mode: Mode, shape: tuple[int, ...]) -> None:
    plain, layer = linear(), quantized(mode)
    x, y = batch(*shape).requires_grad_(), batch(*shape, dtype=torch.float32).requires_grad_()
    weights = batch(*shape[:-1], 64, dtype=torch.float32)
    (layer(x) * weights).sum().backward()
    (plain(y) * weights).sum().backward()
    assert x.grad is not None
    assert y.grad is not None
    assert relative(x.grad, y.grad) < ERRORS[mode]
    assert relative(layer.bias.grad, plain.bias.grad) < 0.02
    if mode == "int8-training":
        assert relative(layer.weight.grad, plain.weight.grad) < 0.02
    else:
        assert layer.weight.grad is None


@pytest.mark.parametrize("mode", FOUR_BIT)
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float32], ids=str)
def test_four_bits_compute_in_the_dtype_that_was_asked_for(mode: Mode, dtype: torch.dtype) -> None:
    layer = quantized(mode, dtype=dtype)
    weight = dequantize_4bit(layer.weight.data, layer.weight.quant_state).float()
    layer.eval()
    x = batch(64, 128, dtype=torch.float32)
    with torch.no_grad():
        error = relative(layer(x), nn.functional.linear(x, weight, layer.bias))
    # The unit roundoff of bf16 is 2^-8, of fp16 2^-11, of fp32 2^-24.
    assert error < {torch.bfloat16: 8e-3, torch.float16: 1e-3, torch.float32: 1e-6}[dtype]


@pytest.mark.parametrize("mode", MODES)
def test_a_wrong_number_of_inputs_is_an_error_not_a_crash(mode: Mode) -> None:
    for layer in (quantized(mode), quantized(mode).eval()):
        with torch.no_grad(), pytest.raises(RuntimeError, match="128 inputs got a tensor of shape"):
            layer(batch(3, 64))


@pytest.mark.parametrize("mode", MODES)
def test_strides_of_the_input_do_not_matter(mode: Mode) -> None:
    layer, x = quantized(mode).eval(), batch(128, 5).t()
    with torch.no_grad():
        assert torch.equal(layer(x), layer(x.contiguous()))


@pytest.mark.parametrize(
    ("in_features", "out_features"), [(64, 10), (64, 48), (32, 32), (96, 32), (63, 32), (3, 3), (1, 1)]
)
@pytest.mark.parametrize("mode", FOUR_BIT)
def test_four_bits_take_shapes_that_the_cpus_kernel_does_not(in_features: int, out_features: int, mode: Mode) -> None:
    plain = linear(in_features, out_features)
    layer, x = quantized(mode, copy.deepcopy(plain)).eval(), batch(7, in_features)
    assert not layers.fits_fused_kernel(out_features, in_features)
    with torch.no_grad():
        assert relative(layer(x), plain(x.float())) < 2 * ERRORS[mode]
    assert not _is_packed(layer.weight)


@needs_fused_kernel
@pytest.mark.parametrize(("in_features", "out_features"), [(64, 10), (64, 48), (32, 32), (96, 32), (63, 32)])
def test_bitsandbytes_itself_still_fails_there(in_features: int, out_features: int) -> None:
    bnb = pytest.importorskip("bitsandbytes")
    theirs = bnb.nn.Linear4bit(in_features, out_features, compute_dtype=torch.bfloat16, quant_type="nf4").to("cpu")
    with torch.no_grad(), pytest.raises((AssertionError, RuntimeError)):
        theirs.eval()(batch(7, in_features))


@needs_fused_kernel
@pytest.mark.parametrize(("in_features", "out_features"), [(64, 32), (128, 64), (192, 96)])
def test_the_fused_kernel_takes_multiples_of_64_inputs_and_32_outputs(in_features: int, out_features: int) -> None:
    layer = quantized("nf4", linear(in_features, out_features))
    assert layers.fits_fused_kernel(out_features, in_features)
    assert not _is_packed(layer.weight)
    assert _is_packed(layer.eval().weight)


@pytest.mark.parametrize("mode", FOUR_BIT)
@pytest.mark.parametrize("guard", [torch.no_grad, torch.inference_mode])
def test_training_after_inference_gets_its_gradients(mode: Mode, guard: Any) -> None:
    layer = quantized(mode)
    x = batch(5, 128).requires_grad_()
    before = layer(x)
    with guard():
        layer.eval()(batch(5, 128))
    after = layer.train()(x)
    after.sum().backward()
    assert x.grad is not None
    assert torch.equal(before, after)


@pytest.mark.parametrize("mode", FOUR_BIT)
def test_a_gradient_in_eval_mode_is_not_cut(mode: Mode) -> None:
    layer = quantized(mode).eval()
    with torch.no_grad():
        layer(batch(5, 128))
    x = batch(5, 128).requires_grad_()
    layer(x).sum().backward()
    assert x.grad is not None
    frozen = quantized(mode, linear(bias=False)).eval()
    frozen(x).sum().backward()


@pytest.mark.parametrize("mode", MODES)
def test_a_state_dict_is_the_same_before_and_after_inference(mode: Mode) -> None:
    layer = quantized(mode).eval()
    before = {name: each.clone() for name, each in layer.state_dict().items()}
    with torch.no_grad():
        layer(batch(5, 128))
    after = layer.state_dict()
    assert list(before) == list(after)
    assert all(torch.equal(before[name], after[name]) for name in before)


@pytest.mark.parametrize("mode", MODES)
def test_quantized_state_survives_a_checkpoint_that_holds_no_pickles(mode: Mode) -> None:
    layer = quantized(mode).eval()
    file = io.BytesIO()
    torch.save(layer.state_dict(), file)
    file.seek(0)
    torch.manual_seed(9)
    other = quantized(mode, nn.Linear(128, 64)).eval()
    x = batch(5, 128)
    with torch.no_grad():
        assert not torch.equal(layer(x), other(x))
        assert "<All keys matched successfully>" == str(other.load_state_dict(torch.load(file, weights_only=True)))
        assert torch.equal(layer(x), other(x))


@pytest.mark.parametrize("mode", MODES)
def test_a_plain_state_dict_is_quantized_while_it_is_loaded(mode: Mode) -> None:
    layer, x = quantized(mode, nn.Linear(128, 64)).eval(), batch(5, 128)
    layer.load_state_dict(linear().state_dict())
    with torch.no_grad():
        assert torch.equal(quantized(mode).eval()(x), layer(x))


def test_state_of_another_kind_is_refused_by_name() -> None:
    cases: list[tuple[Mode, Any, str]] = [
        ("nf4", quantized("fp4"), "quantized as fp4, the layer as nf4"),
        ("nf4", quantized("nf4-dq"), "quantized as nf4-dq, the layer as nf4"),
        ("nf4", quantized("nf4", linear(64, 128)), r"has shape \(128, 64\), the layer \(64, 128\)"),
        ("nf4", quantized("int8"), "takes a floating-point weight"),
        ("nf4", linear(64, 64), "takes a floating-point weight"),
        ("int8", quantized("nf4"), "takes a floating-point weight"),
        ("int8", quantized("int8", linear(64, 64)), r"has shape \(64, 64\)"),
    ]
    for mode, source, message in cases:
        with pytest.raises(RuntimeError, match=message):
            quantized(mode).load_state_dict(source.state_dict())


@pytest.mark.parametrize("mode", MODES)
def test_copies_and_pickles_compute_the_same_and_share_nothing(mode: Mode) -> None:
    layer, x = quantized(mode).eval(), batch(5, 128)
    with torch.no_grad():
        expected = layer(x)
        clone = copy.deepcopy(layer)
        layer.reset_parameters()
        assert torch.equal(expected, clone(x))
        assert not torch.equal(expected, layer(x))
        assert torch.equal(clone(x), pickle.loads(pickle.dumps(clone))(x))  # noqa: S301 (our own bytes)
        assert list(clone.state_dict()) == list(pickle.loads(pickle.dumps(clone)).state_dict())  # noqa: S301


@pytest.mark.parametrize("mode", MODES)
def test_moving_and_casting_keep_the_weight(mode: Mode) -> None:
    layer, x = quantized(mode).eval(), batch(5, 128)
    with torch.no_grad():
        expected = layer(x)
        assert torch.equal(expected, layer.to("cpu")(x))
        assert relative(layer.to(torch.bfloat16)(x), expected) < 0.01  # the bias is rounded
        assert layer.weight.dtype is {"int8": torch.int8, "int8-training": torch.bfloat16}.get(mode, torch.uint8)


@pytest.mark.parametrize(
    ("mode", "factor"),
    [
        ("nf4", 32 / 4.5),  # 4 bit, and 32 for each of 64
        ("fp4", 32 / 4.5),
        ("nf4-dq", 32 / 4.127),  # 4 bit, 8 for each of 64, and 32 for each of 64 * 256 (arXiv:2305.14314, section 3)
        ("fp4-dq", 32 / 4.127),
        ("int8", 4),
        ("int8-training", 2),
    ],
)
def test_the_weights_bytes_fall_by_what_the_format_promises(mode: Mode, factor: float) -> None:
    layer = linear(1024, 1024, bias=False)
    before = weight_bytes(layer)
    assert 4 * 1024 * 1024 == before
    assert factor == pytest.approx(before / weight_bytes(quantized(mode, layer)), rel=0.01)


@pytest.mark.parametrize("mode", FOUR_BIT)
def test_the_fused_kernels_layout_takes_little_more(mode: Mode) -> None:
    layer = quantized(mode, linear(1024, 1024, bias=False)).eval()
    before = weight_bytes(layer)
    with torch.no_grad():
        layer(batch(1, 1024))
    assert weight_bytes(layer) < 1.07 * before  # its scales in bf16


def test_shared_memory_counts_once() -> None:
    model = nn.Sequential(linear(bias=False), linear(bias=False))
    model[1].weight = model[0].weight
    assert 4 * 128 * 64 == weight_bytes(model)
    assert 0 == weight_bytes(nn.Linear(4, 4, device="meta"))


def test_a_weight_of_large_numbers_is_quantized_from_fp64_too() -> None:
    for mode in MODES:
        layer = quantized(mode, linear().double())
        assert relative(layer(batch(5, 128)).detach(), linear()(batch(5, 128).float()).detach()) < ERRORS[mode]


@pytest.mark.parametrize("mode", FROZEN)
def test_a_weight_put_in_place_of_the_quantized_one_is_used(mode: Mode) -> None:
    layer = quantized(mode)
    layer.weight = nn.Parameter(torch.zeros(64, 128, dtype=torch.bfloat16))
    layer.bias = None
    assert 0 == layer(batch(5, 128)).abs().sum()
    assert (64, 128) == layer.to("cpu").state_dict()["weight"].shape


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("inputs", [torch.float32, torch.bfloat16], ids=str)
@pytest.mark.parametrize("outer", [torch.float16, torch.bfloat16], ids=str)
def test_an_autocast_around_does_not_matter(mode: Mode, inputs: torch.dtype, outer: torch.dtype) -> None:
    layer, x = quantized(mode), batch(2, 3, 128, dtype=inputs).requires_grad_()
    with torch.autocast("cpu", dtype=outer):
        output = layer(x)
    output.float().sum().backward()
    assert inputs == output.dtype
    assert relative(output.detach(), linear()(x.float()).detach()) < ERRORS[mode]


def test_outliers_are_multiplied_apart() -> None:
    layer, x = quantized("int8").eval(), batch(5, 128)
    x[:, 3] = 200.0
    with torch.no_grad():
        assert relative(layer(x), linear()(x.float())) < ERRORS["int8"]


def test_int8_training_sees_every_update_of_its_weight() -> None:
    layer, x = quantized("int8-training"), batch(5, 128)
    layer.bias = None
    optimizer = torch.optim.SGD(layer.parameters(), lr=1.0)
    outputs = []
    for _ in range(4):
        output = layer(x)
        outputs.append(output.detach())
        output.square().mean().backward()
        optimizer.step()
        optimizer.zero_grad(set_to_none=False)  # bitsandbytes takes a gradient for accumulation, and rounds no more
    assert 4 == len({float(each.float().norm()) for each in outputs})


@pytest.mark.parametrize("mode", MODES)
def test_a_layer_without_memory_cannot_be_quantized(mode: Mode) -> None:
    with pytest.raises(PrecisionError, match=r"meta device.*Load its weights first"):
        layers.quantize(nn.Linear(4, 4, device="meta"), mode, torch.bfloat16)


@pytest.mark.parametrize("mode", MODES)
def test_nothing_is_printed_or_logged(mode: Mode, capfd: pytest.CaptureFixture[str]) -> None:
    quantized(mode).eval()(batch(5, 128))
    quantized(mode).train()(batch(5, 128)).sum().backward()
    assert ("", "") == tuple(capfd.readouterr())


@needs_fused_kernel
def test_threads_that_start_at_once_agree() -> None:
    layer, x = quantized("nf4", linear(512, 512)).eval(), batch(3, 512)

    def run(_: int) -> torch.Tensor:
        with torch.inference_mode():
            output: torch.Tensor = layer(x)
            return output

    with ThreadPoolExecutor(8) as pool:
        outputs = list(pool.map(run, range(32)))
    assert all(torch.equal(outputs[0], each) for each in outputs)
