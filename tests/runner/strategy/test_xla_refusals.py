"""What can be told of the strategy `xla` without torch-xla; the rest runs in an environment of its own (tests/xla)."""

import importlib.util

import pytest
from torch import nn

from autoprec_runner.engine import Engine
from autoprec_runner.errors import PrecisionError
from autoprec_runner.precision import MixedPrecision, XLAPrecision
from autoprec_runner.strategy import xla_library
from autoprec_runner.strategy.xla import XLAStrategy
from autoprec_runner.strategy.xla_library import refuse_rewritten_dtypes
from autoprec_runner.trial import EffectiveDtypes

without_torch_xla = pytest.mark.skipif(
    importlib.util.find_spec("torch_xla") is not None,
    reason="torch-xla is installed here",
)


@pytest.mark.parametrize(
    ("given", "precision"),
    [(32, "32-true"), ("bf16-mixed", "bf16-mixed"), ("16-true", "16-true"), ("64", "64-true")],
)
def test_strings_and_aliases_are_taken(given: str | int, precision: str) -> None:
    assert precision == XLAPrecision(given).precision


def test_full_precision_is_the_default() -> None:
    assert "32-true" == XLAPrecision().precision


@pytest.mark.parametrize("precision", ["fp8", "bnb-nf4", "transformer-engine", 8])
def test_other_precisions_are_refused_with_the_call_and_what_is_allowed(precision: str | int) -> None:
    told = rf"XLAPrecision\(precision={precision!r}\).*must be one of 32-true, bf16-mixed, 16-mixed, bf16-true"
    with pytest.raises(PrecisionError, match=told):
        XLAPrecision(precision)


def test_only_16_mixed_reports_that_another_dtype_runs() -> None:
    reports = {each: XLAPrecision(each).report for each in ("32-true", "16-mixed", "bf16-mixed", "16-true")}
    assert ["16-mixed"] == [name for name, report in reports.items() if report]
    assert "bfloat16" in str(reports["16-mixed"])


def test_there_is_no_scaler_whose_state_had_to_be_kept() -> None:
    assert ({}, False) == (XLAPrecision("16-mixed").state_dict(), XLAPrecision("16-mixed").scales_loss)


@pytest.mark.parametrize(
    ("kind", "products", "told"),
    [("TPU", "default", True), ("TPU", "highest", False), ("CPU", "default", False)],
)
def test_float32_on_a_tpu_is_said_to_be_multiplied_in_bfloat16(
    kind: str,
    products: str,
    told: bool,  # noqa: FBT001 (a parameter of the test)
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(xla_library, "device_kind", lambda: kind)
    monkeypatch.setattr(xla_library, "float32_products", lambda: products)
    seen = EffectiveDtypes(parameters="float32", compute="float32")
    note = XLAStrategy().effective_dtypes(seen, nn.Linear(1, 1), None).note
    assert told == (note is not None and "in bfloat16" in note)


@without_torch_xla
def test_the_strategy_says_how_its_package_is_installed() -> None:
    with pytest.raises(PrecisionError, match=r"pip install 'torch==2.9.\*' 'torch-xla==2.9.\*'"):
        Engine("bf16-mixed", strategy="xla")


@pytest.mark.parametrize("accelerator", ["cuda", "gpu", "cuda:1", "mps"])
def test_other_accelerators_are_refused(accelerator: str) -> None:
    with pytest.raises(
        PrecisionError, match=rf"{accelerator}' is none of strategy='xla'; allowed: auto, xla, tpu, cpu"
    ):
        Engine(strategy="xla", accelerator=accelerator)


@pytest.mark.parametrize("accelerator", ["tpu", "xla"])
def test_a_tpu_is_reached_through_the_strategy(accelerator: str) -> None:
    with pytest.raises(PrecisionError, match="use strategy='xla'"):
        Engine(accelerator=accelerator)


@pytest.mark.parametrize("matmul_precision", ["high", "medium"])
def test_a_lower_matmul_precision_is_refused(matmul_precision: str) -> None:
    with pytest.raises(PrecisionError, match="does not reach strategy='xla'; allowed: highest, or None"):
        Engine(strategy="xla", matmul_precision=matmul_precision)  # type: ignore[arg-type]


def test_options_are_refused_because_there_are_none() -> None:
    with pytest.raises(PrecisionError, match="takes no option 'zero_stage'; it takes none at all"):
        Engine(strategy="xla", zero_stage=2)


@pytest.mark.parametrize("name", ["XLA_USE_BF16", "XLA_DOWNCAST_BF16"])
def test_variables_that_change_what_a_dtype_means_are_refused(name: str) -> None:
    with pytest.raises(PrecisionError, match=f"{name}=1 is set"):
        refuse_rewritten_dtypes({name: "1"})


@pytest.mark.parametrize("value", ["", "0", "false"])
def test_variables_that_are_off_are_not_minded(value: str) -> None:
    refuse_rewritten_dtypes({"XLA_USE_BF16": value, "PJRT_DEVICE": "CPU"})


def test_a_plugin_and_its_strategy_go_together() -> None:
    with pytest.raises(PrecisionError, match="made for strategy 'xla'"):
        Engine(XLAPrecision("bf16-mixed"), accelerator="cpu")
    assert "single" == MixedPrecision("bf16-mixed", "cpu").strategy
