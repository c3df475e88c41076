from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import pytest
import torch
from torch import nn

from autoprec_runner.errors import PrecisionError
from autoprec_runner.precision import DoublePrecision, HalfPrecision, MixedPrecision, Precision
from autoprec_runner.precision.contexts import DefaultDtype, Float32Matmul

HALF = [("16-true", torch.float16), ("bf16-true", torch.bfloat16)]
MIXED = [("16-mixed", torch.float16), ("bf16-mixed", torch.bfloat16)]


def test_the_base_class_is_full_precision_and_leaves_everything_alone() -> None:
    plugin = Precision()
    module, data = nn.Linear(2, 2).double(), {"x": torch.ones(2, dtype=torch.float64)}
    assert plugin.precision == "32-true"
    assert plugin.convert_module(module) is module
    assert plugin.convert_input(data) is data
    assert plugin.convert_output(data) is data
    assert torch.float64 == module.weight.dtype
    assert {} == plugin.state_dict()


def test_backward_runs_between_the_two_hooks_and_forwards_its_arguments() -> None:
    class Loud(Precision):
        seen: list[str]

        def pre_backward(self, tensor: torch.Tensor, module: nn.Module | None = None) -> torch.Tensor:
            self.seen = ["pre"]
            return super().pre_backward(tensor, module) * 2

        def post_backward(self, tensor: torch.Tensor, module: nn.Module | None = None) -> torch.Tensor:
            self.seen.append("post")
            return super().post_backward(tensor, module)

    plugin, x = Loud(), torch.ones((), requires_grad=True)
    loss = x * 3
    plugin.backward(loss, None, retain_graph=True)
    plugin.backward(loss)
    assert ["pre", "post"] == plugin.seen
    assert x.grad is not None
    assert x.grad.item() == 12


@pytest.mark.parametrize(("max_norm", "clip_val"), [(None, None), (1.0, 1.0)])
def test_clipping_takes_exactly_one_bound(max_norm: float | None, clip_val: float | None) -> None:
    optimizer = torch.optim.SGD(nn.Linear(1, 1).parameters())
    with pytest.raises(PrecisionError, match="exactly one"):
        Precision().clip_gradients(None, optimizer, max_norm=max_norm, clip_val=clip_val)


def test_clipping_refuses_gradients_that_are_not_finite_unless_told_otherwise() -> None:
    layer = nn.Linear(1, 1)
    optimizer = torch.optim.SGD(layer.parameters())
    layer.weight.grad = torch.full_like(layer.weight, float("inf"))
    with pytest.raises(RuntimeError, match="non-finite"):
        Precision().clip_gradients(layer, optimizer, max_norm=1.0)
    Precision().clip_gradients(layer, optimizer, max_norm=1.0, error_if_nonfinite=False)


def test_double_precision_makes_new_complex_tensors_complex128() -> None:
    with DoublePrecision().module_init_context():
        assert torch.complex128 == torch.tensor(1j).dtype
        assert torch.float64 == nn.Linear(1, 1).weight.dtype
    assert torch.complex64 == torch.tensor(1j).dtype


@pytest.mark.parametrize(("precision", "dtype"), HALF)
def test_half_precision_keeps_the_imaginary_part_of_complex_buffers(precision: str, dtype: torch.dtype) -> None:
    module = nn.Linear(1, 1)
    module.register_buffer("wave", torch.tensor([1 + 2j], dtype=torch.complex64))
    HalfPrecision(precision).convert_module(module)
    assert dtype == module.weight.dtype
    assert torch.equal(torch.tensor([1 + 2j], dtype=torch.complex64), module.get_buffer("wave"))


@pytest.mark.parametrize(("precision", "dtype"), HALF)
def test_half_precision_creates_modules_and_tensors_in_its_dtype(precision: str, dtype: torch.dtype) -> None:
    plugin = HalfPrecision(precision)
    for context in (plugin.module_init_context, plugin.tensor_init_context, plugin.forward_context):
        with context():
            assert dtype == torch.zeros(1).dtype
            assert torch.int64 == torch.zeros(1, dtype=torch.int64).dtype


@pytest.mark.parametrize("precision", ["16", "16-mixed", "half", ""])
def test_half_precision_refuses_other_strings(precision: str) -> None:
    with pytest.raises(PrecisionError, match="'16-true' or 'bf16-true'"):
        HalfPrecision(precision)


@pytest.mark.parametrize("precision", ["16", "16-true", "mixed", ""])
def test_mixed_precision_refuses_other_strings(precision: str) -> None:
    with pytest.raises(PrecisionError, match="'16-mixed' or 'bf16-mixed'"):
        MixedPrecision(precision, "cpu")


def test_bf16_mixed_refuses_a_scaler() -> None:
    with pytest.raises(PrecisionError, match="does not use a scaler"):
        MixedPrecision("bf16-mixed", "cpu", scaler=torch.amp.GradScaler("cpu"))


def test_16_mixed_has_a_scaler_of_its_own_or_takes_yours() -> None:
    scaler = torch.amp.GradScaler("cpu", init_scale=8.0)
    assert MixedPrecision("16-mixed", "cpu", scaler=scaler).scaler is scaler
    own = MixedPrecision("16-mixed", "cpu").scaler
    assert own is not None
    assert own.is_enabled()
    assert MixedPrecision("bf16-mixed", "cpu").scaler is None


@pytest.mark.parametrize(("precision", "dtype"), MIXED)
def test_mixed_precision_casts_inputs_unless_told_otherwise(precision: str, dtype: torch.dtype) -> None:
    x = torch.ones(2)
    assert dtype == MixedPrecision(precision, "cpu").convert_input(x).dtype
    assert MixedPrecision(precision, "cpu", cast_inputs=False).convert_input(x) is x


@pytest.mark.parametrize(("precision", "dtype"), MIXED)
def test_mixed_precision_runs_a_forward_under_autocast(precision: str, dtype: torch.dtype) -> None:
    with MixedPrecision(precision, "cpu").forward_context():
        assert torch.is_autocast_enabled("cpu")
        assert dtype == torch.get_autocast_dtype("cpu")
        assert dtype == (torch.ones(2, 2) @ torch.ones(2, 2)).dtype
    assert not torch.is_autocast_enabled("cpu")


@pytest.mark.skipif(torch.cuda.is_available(), reason="needs a torch that sees no CUDA device")
@pytest.mark.parametrize("precision", ["16-mixed", "bf16-mixed"])
def test_mixed_precision_on_a_missing_device_is_refused_at_the_first_forward(precision: str) -> None:
    with pytest.raises(PrecisionError, match="cannot run on device 'cuda'"):
        MixedPrecision(precision, "cuda").forward_context()


@pytest.mark.parametrize("plugin", [HalfPrecision("bf16-true"), MixedPrecision("bf16-mixed", "cpu"), DoublePrecision()])
def test_outputs_come_in_the_default_dtype_of_the_moment(plugin: Precision) -> None:
    with DefaultDtype(torch.float64):
        assert torch.float64 == plugin.convert_output(torch.ones(1, dtype=torch.bfloat16)).dtype
    assert torch.float32 == plugin.convert_output(torch.ones(1, dtype=torch.float64)).dtype


def test_a_forward_without_gradients_inside_an_outer_autocast_leaves_training_its_gradients() -> None:
    plugin, layer, x = MixedPrecision("bf16-mixed", "cpu"), nn.Linear(2, 1), torch.ones(1, 2)
    with plugin.forward_context():
        with torch.no_grad(), plugin.forward_context():
            assert not torch.is_autocast_cache_enabled()
            layer(x)
        loss = layer(x).sum()
    loss.backward()
    assert layer.weight.grad is not None


def test_a_step_inside_an_outer_autocast_is_seen_by_the_next_forward() -> None:
    plugin, layer, x = MixedPrecision("bf16-mixed", "cpu"), nn.Linear(2, 1), torch.ones(1, 2)
    optimizer = torch.optim.SGD(layer.parameters(), lr=1.0)
    with plugin.forward_context():
        plugin.backward(layer(x).sum())
        plugin.optimizer_step(optimizer)
        inside = layer(x)
    with plugin.forward_context():
        assert torch.equal(layer(x), inside)


@pytest.mark.parametrize(
    "make",
    [lambda: DefaultDtype(torch.float16), lambda: Float32Matmul("medium", DefaultDtype(torch.float64))],
)
def test_contexts_restore_what_was_there_at_entry_not_at_construction(
    make: Callable[[], AbstractContextManager[Any]],
) -> None:
    context = make()
    with Float32Matmul("high", DefaultDtype(torch.float64)):
        with pytest.raises(KeyError), context, make():
            raise KeyError
        assert torch.float64 == torch.get_default_dtype()
        assert torch.get_float32_matmul_precision() == "high"
    assert torch.float32 == torch.get_default_dtype()
    assert torch.get_float32_matmul_precision() == "highest"


def test_matmul_precision_is_restored_where_the_inner_context_cannot_be_entered() -> None:
    class Broken(DefaultDtype):
        def __enter__(self) -> None:
            raise KeyError

    with pytest.raises(KeyError), Float32Matmul("medium", Broken(torch.float64)):
        pass
    assert torch.get_float32_matmul_precision() == "highest"
