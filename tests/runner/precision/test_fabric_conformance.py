"""The plugins side by side with Lightning Fabric's; differences on purpose are in `test_fabric_differences.py`."""

import warnings
from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from autoprec_probe.precision import canonical_precision
from autoprec_runner.errors import PrecisionError
from autoprec_runner.precision import (
    DeepSpeedPrecision,
    DoublePrecision,
    FSDPPrecision,
    HalfPrecision,
    MixedPrecision,
    Precision,
    resolve_precision,
)
from autoprec_runner.precision.contexts import DefaultDtype

fabric = pytest.importorskip("lightning_fabric.plugins.precision", reason="compares with Lightning Fabric")

from lightning_fabric.connector import _convert_precision_to_unified_args

Make = Callable[[], Any]
SINGLE: dict[str, tuple[Make, Make]] = {
    "32-true": (Precision, fabric.Precision),
    "64-true": (DoublePrecision, fabric.DoublePrecision),
    "16-true": (lambda: HalfPrecision("16-true"), lambda: fabric.HalfPrecision("16-true")),
    "bf16-true": (lambda: HalfPrecision("bf16-true"), lambda: fabric.HalfPrecision("bf16-true")),
    "16-mixed": (lambda: MixedPrecision("16-mixed", "cpu"), lambda: fabric.MixedPrecision("16-mixed", "cpu")),
    "bf16-mixed": (lambda: MixedPrecision("bf16-mixed", "cpu"), lambda: fabric.MixedPrecision("bf16-mixed", "cpu")),
}
SHARDED = ("32-true", "16-true", "bf16-true", "16-mixed", "bf16-mixed")
FSDP: dict[str, tuple[Make, Make]] = {
    f"fsdp {each}": (partial(FSDPPrecision, each, device="cpu"), partial(fabric.FSDPPrecision, each))
    for each in SHARDED
}
DEEPSPEED: dict[str, tuple[Make, Make]] = {
    f"deepspeed {each}": (partial(DeepSpeedPrecision, each, device="cpu"), partial(fabric.DeepSpeedPrecision, each))
    for each in SHARDED
}
PAIRS = SINGLE | FSDP | DEEPSPEED
ON_A_CPU = [each for each in PAIRS if not (each.startswith("fsdp") and each.endswith("mixed"))]
"""Fabric's mixed precisions under FSDP are for CUDA."""
DTYPES = [
    *(torch.float16, torch.bfloat16, torch.float32, torch.float64, torch.float8_e4m3fn, torch.bool),
    *(torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64, torch.complex64, torch.complex128),
]
SCALED = ("16-mixed", "fsdp 16-mixed")

pytestmark = pytest.mark.filterwarnings("ignore:.*CUDA is not available", "ignore:FSDP with", "ignore:ComplexHalf")


class Mixture(nn.Module):
    """Layers with float and integer buffers, a frozen and a shared parameter."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(4, 3)
        self.norm = nn.BatchNorm1d(3)
        self.conv = nn.Conv1d(1, 1, 2)
        self.head = nn.Linear(3, 4, bias=False)
        self.head.weight = self.embedding.weight
        self.frozen = nn.Linear(2, 2).requires_grad_(requires_grad=False)
        self.register_buffer("position", torch.linspace(0, 1, 3))
        self.register_buffer("mask", torch.ones(2, dtype=torch.bool))


def pair(precision: str) -> tuple[Any, Any]:
    ours, theirs = PAIRS[precision]
    return ours(), theirs()


def example(dtype: torch.dtype) -> Tensor:
    return torch.ones(2).to(dtype)


# ---- dtypes


@pytest.mark.parametrize("precision", ON_A_CPU)
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_inputs_are_cast_alike(precision: str, dtype: torch.dtype) -> None:
    ours, theirs = pair(precision)
    assert theirs.convert_input(example(dtype)).dtype == ours.convert_input(example(dtype)).dtype


@pytest.mark.parametrize("precision", PAIRS)
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("default", [torch.float32, torch.float64, torch.bfloat16], ids=str)
def test_outputs_are_cast_alike_to_the_default_dtype_of_the_moment(
    precision: str,
    dtype: torch.dtype,
    default: torch.dtype,
) -> None:
    ours, theirs = pair(precision)
    with DefaultDtype(default):
        assert theirs.convert_output(example(dtype)).dtype == ours.convert_output(example(dtype)).dtype


@pytest.mark.parametrize("precision", PAIRS)
@pytest.mark.parametrize("before", [torch.float32, torch.float64, torch.bfloat16], ids=str)
def test_modules_are_cast_alike(precision: str, before: torch.dtype) -> None:
    ours, theirs = (each.convert_module(Mixture().to(before)) for each in pair(precision))
    assert _kinds(theirs) == _kinds(ours)


def _kinds(module: nn.Module) -> dict[str, tuple[torch.dtype, bool]]:
    return {name: (each.dtype, each.requires_grad) for name, each in module.state_dict(keep_vars=True).items()}


# ---- contexts


@pytest.mark.parametrize("precision", ON_A_CPU)
@pytest.mark.parametrize("context", ["tensor_init_context", "module_init_context"])
def test_tensors_and_modules_are_created_alike(precision: str, context: str) -> None:
    ours, theirs = (_created(getattr(each, context)()) for each in pair(precision))
    assert theirs == ours


@pytest.mark.parametrize("precision", [each for each in ON_A_CPU if not each.startswith("deepspeed")])
def test_a_forward_computes_alike(precision: str) -> None:
    ours, theirs = (_created(each.forward_context()) for each in pair(precision))
    assert theirs == ours


def _created(context: AbstractContextManager[Any]) -> list[Any]:
    with context:
        wave = torch.tensor(1j) if torch.get_default_dtype() is not torch.bfloat16 else torch.zeros(1)  # it has none
        made = [torch.zeros(1), wave, torch.tensor([1]), nn.Linear(2, 2).weight, torch.arange(2.0)]
        layer = nn.Linear(2, 2, dtype=torch.float32) if torch.is_autocast_enabled("cpu") else nn.Linear(2, 2)
        product = layer(torch.ones(1, 2, dtype=layer.weight.dtype))
        settings = [torch.get_default_dtype(), torch.is_autocast_enabled("cpu"), torch.get_autocast_dtype("cpu")]
        return [*(each.dtype for each in (*made, product)), *settings]


@pytest.mark.parametrize("precision", ON_A_CPU)
@pytest.mark.parametrize("context", ["tensor_init_context", "module_init_context", "forward_context"])
def test_contexts_restore_alike_also_after_an_exception(precision: str, context: str) -> None:
    for plugin in pair(precision):
        before = torch.get_default_dtype(), torch.is_autocast_enabled("cpu")
        with pytest.raises(KeyError), getattr(plugin, context)():
            raise KeyError
        assert before == (torch.get_default_dtype(), torch.is_autocast_enabled("cpu"))


@pytest.mark.parametrize("precision", ["16-mixed", "bf16-mixed"])
def test_a_mixed_forward_is_an_autocast(precision: str) -> None:
    for plugin in pair(precision):
        context = plugin.forward_context()
        assert isinstance(context, torch.autocast)
        assert plugin.convert_input(example(torch.float32)).dtype == context.fast_dtype


# ---- state


@pytest.mark.parametrize("precision", ON_A_CPU)
def test_the_state_is_the_same_and_goes_round(precision: str) -> None:
    ours, theirs = pair(precision)
    state = theirs.state_dict()
    assert state == ours.state_dict()
    ours.load_state_dict(state)
    assert state == ours.state_dict()


@pytest.mark.parametrize("precision", PAIRS)
def test_a_scaler_is_where_fabric_has_one(precision: str) -> None:
    ours, theirs = pair(precision)
    has = [isinstance(getattr(each, "scaler", None), torch.amp.GradScaler) for each in (theirs, ours)]
    assert [precision in SCALED] * 2 == has


# ---- strings and messages


def assert_both_refuse(theirs: Make, ours: Make) -> str:
    """Return our message; what Fabric raises catches ours."""
    with pytest.raises(Exception) as expected:  # noqa: PT011 (whatever it is)
        theirs()
    with pytest.raises(expected.type) as caught:
        ours()
    assert isinstance(caught.value, PrecisionError)
    return str(caught.value)


@pytest.mark.parametrize("precision", ["16", "64-true", "mixed", "", "bf16", "16-true"])
def test_a_wrong_string_of_the_mixed_plugin_gets_the_message_of_fabric(precision: str) -> None:
    with pytest.raises(ValueError, match="Passed") as expected:
        fabric.MixedPrecision(precision, "cpu")
    with pytest.raises(ValueError, match="Passed") as caught:
        MixedPrecision(precision, "cpu")
    assert str(expected.value) == str(caught.value)


@pytest.mark.parametrize(
    ("ours", "theirs"), [(FSDPPrecision, "FSDPPrecision"), (DeepSpeedPrecision, "DeepSpeedPrecision")]
)
@pytest.mark.parametrize("precision", ["64-true", "transformer-engine", "half", ""])
def test_a_wrong_string_of_a_sharding_plugin_is_told_back_with_what_is_allowed(
    ours: Any,
    theirs: str,
    precision: str,
) -> None:
    message = assert_both_refuse(lambda: getattr(fabric, theirs)(precision), lambda: ours(precision))
    assert "`precision` must be one of" in message
    assert all(each in message for each in (repr(precision), "is not supported in", *SHARDED))


def test_bf16_mixed_refuses_a_scaler_in_the_words_of_fabric() -> None:
    scaler = torch.amp.GradScaler("cpu")
    with pytest.raises(ValueError, match="does not use a scaler") as expected:
        fabric.MixedPrecision("bf16-mixed", "cpu", scaler)
    with pytest.raises(ValueError, match="does not use a scaler") as caught:
        MixedPrecision("bf16-mixed", "cpu", scaler)
    assert str(caught.value).startswith(str(expected.value))


@pytest.mark.parametrize("alias", [64, 32, 16, "64", "32", "16", "bf16", *SINGLE])
def test_strings_and_aliases_mean_the_same_and_warn_alike(alias: Any) -> None:
    with warnings.catch_warnings(record=True) as theirs:
        warnings.simplefilter("always")
        expected = _convert_precision_to_unified_args(alias)
    with warnings.catch_warnings(record=True) as ours:
        warnings.simplefilter("always")
        assert expected == canonical_precision(alias)
    assert [each.category for each in theirs] == [each.category for each in ours]
    assert all(str(expected) in str(each.message) for each in ours)


@pytest.mark.parametrize("wrong", ["17-mixed", "float16", 8, "", "BF16-MIXED"])
def test_strings_that_do_not_exist_are_refused_with_what_is_allowed(wrong: Any) -> None:
    message = assert_both_refuse(
        lambda: _convert_precision_to_unified_args(wrong),
        lambda: resolve_precision(wrong),
    )
    assert all(each in message for each in (repr(wrong), *SINGLE))


@pytest.mark.parametrize("precision", SINGLE)
def test_the_classes_and_names_are_those_of_fabric(precision: str) -> None:
    ours, theirs = pair(precision)
    assert (type(theirs).__name__, theirs.precision) == (type(ours).__name__, ours.precision)
    assert type(ours) is type(resolve_precision(precision))
