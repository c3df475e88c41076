"""Frameworks that have no word for a quantized precision say so, and what to do instead."""

from collections.abc import Callable
from typing import Any

import pytest

from autoprec import exports
from autoprec_probe import Candidate
from autoprec_probe.precision import BITSANDBYTES

EXPORTS: list[Callable[[Candidate], Any]] = [
    lambda each: exports.fabric(each, "cuda"),
    lambda each: exports.trainer(each, "cuda"),
    lambda each: exports.accelerate(each, "cuda"),
    lambda each: exports.transformers(each, "cuda", "inference"),
    exports.deepspeed,
    exports.fsdp,
    lambda each: exports.torch(each, "cpu", "inference"),
]


@pytest.mark.parametrize("precision", BITSANDBYTES)
@pytest.mark.parametrize("export", EXPORTS)
def test_no_export_puts_anything_in_its_place(precision: str, export: Callable[[Candidate], Any]) -> None:
    with pytest.raises(exports.ExportError, match=f"cannot express {precision}"):
        export(Candidate(precision=precision))


@pytest.mark.parametrize(
    ("precision", "way_out"),
    [
        ("bnb-nf4", "BitsAndBytesConfig(load_in_4bit=True, bnb_4bit_quant_type='nf4')"),
        ("bnb-fp4-dq", "load_in_4bit=True, bnb_4bit_quant_type='fp4', bnb_4bit_use_double_quant=True"),
        ("bnb-int8", "BitsAndBytesConfig(load_in_8bit=True)"),
        ("bnb-int8-training", "bitsandbytes.nn.Linear8bitLt"),
    ],
)
def test_the_way_out_is_the_one_of_transformers(precision: str, way_out: str) -> None:
    with pytest.raises(exports.ExportError) as caught:
        exports.transformers(Candidate(precision=precision), "cuda", "inference")
    assert way_out in str(caught.value)
    assert f"autoprec.Engine(precision={precision!r})" in str(caught.value)


def test_lightning_takes_a_plugin() -> None:
    with pytest.raises(exports.ExportError, match=r"plugins=BitsandbytesPrecision\(mode='nf4-dq'\)"):
        exports.fabric(Candidate(precision="bnb-nf4-dq"), "cuda")
