"""Every row that autoprec brings holds together."""

import re
from collections import Counter
from pathlib import Path
from typing import get_args

import pytest

from autoprec_probe.catalog import AcceleratorFacts, ArchitectureFacts, accelerators, architecture, architectures
from autoprec_probe.catalog.accelerator import AcceleratorRow
from autoprec_probe.catalog.names import normal_name
from autoprec_probe.catalog.number import DTYPES
from autoprec_probe.errors import CatalogError
from autoprec_probe.nvidia import ARCHITECTURES
from autoprec_probe.rules.case import Platform

ROWS = accelerators()
ARCHITECTURE_ROWS = architectures()

each_row = pytest.mark.parametrize("row", ROWS, ids=lambda row: row.key)
each_architecture = pytest.mark.parametrize(
    "row", ARCHITECTURE_ROWS, ids=lambda row: f"{row.name}{row.compute_capabilities[:1] or ''}"
)

FASTER_IN_FLOAT32 = {"nvidia-geforce-gtx-1080-ti"}
"""Pascal outside P100: fp16 at a 64th of fp32."""


def test_no_name_stands_for_two_accelerators() -> None:
    assert [] == [name for name, count in Counter(normal_name(n) for r in ROWS for n in r.names).items() if count > 1]


def test_no_key_stands_for_two_accelerators() -> None:
    assert len(ROWS) == len({row.key for row in ROWS})


@each_row
def test_every_source_of_an_accelerator_is_told(row: AcceleratorFacts) -> None:
    assert set(row.sources) == set(row.references)
    assert [] == [source for source, text in row.references.items() if len(text) < len("a word or two")]


@each_row
def test_an_accelerator_from_memory_alone_is_flagged(row: AcceleratorFacts) -> None:
    if row.sources == ("recall",):
        assert [] == [each for each in DTYPES if row.is_verified(each)]
        assert not row.is_verified("memory_bandwidth_gbytes_per_second")


@each_row
def test_an_accelerator_is_of_an_architecture_of_its_vendor(row: AcceleratorFacts) -> None:
    facts = architecture(row.architecture)
    assert facts is not None
    assert row.vendor == facts.vendor


@each_row
def test_an_accelerators_number_is_one_of_its_architecture(row: AcceleratorFacts) -> None:
    same_name = [each for each in ARCHITECTURE_ROWS if each.name == row.architecture]
    if row.compute_capability is not None:
        assert ARCHITECTURES[row.compute_capability] == row.architecture
    if row.gfx_target is not None:
        assert row.gfx_target in {target for each in same_name for target in each.gfx_targets}


@each_row
def test_what_has_a_matrix_rate_has_matrix_units(row: AcceleratorFacts) -> None:
    same_name = [each for each in ARCHITECTURE_ROWS if each.name == row.architecture]
    # int8 of Blackwell Ultra is listed because it is cut, not because it is for use.
    left = set(row.matrix_tflops) - {dtype for each in same_name for dtype in each.matrix} - {"int8"}
    assert set() == left


@each_row
def test_a_smaller_format_is_not_slower(row: AcceleratorFacts) -> None:
    if row.key in FASTER_IN_FLOAT32:
        assert (row.peak_tflops("float16") or 0) < (row.peak_tflops("float32") or 0)
        return
    order = ("float64", "float32", "bfloat16", "float8_e4m3fn", "float4_e2m1fn_x2")
    rates = [rate for rate in map(row.peak_tflops, order) if rate is not None]
    assert sorted(rates) == rates


@each_row
def test_a_driver_reports_no_more_memory_than_is_sold(row: AcceleratorFacts) -> None:
    if row.memory_reported_mib is not None and row.memory_marketed_gib is not None:
        assert 0.9 < row.memory_reported_mib / 1024 / row.memory_marketed_gib < 1.03


@each_row
def test_rays_type_of_an_nvidia_device_is_what_rays_expression_finds(row: AcceleratorFacts) -> None:
    if row.vendor == "NVIDIA":
        found = re.match(r"\w+\s+([A-Z0-9]+)", row.names[0])
        assert (found[1] if found else None) == row.ray_type


@each_architecture
def test_every_source_of_an_architecture_is_told(row: ArchitectureFacts) -> None:
    named = {*row.sources, *(remark.source for remark in row.remarks.values() if remark.source)}
    assert named <= set(row.references)


@each_architecture
def test_what_takes_a_detour_has_a_remark_that_says_which(row: ArchitectureFacts) -> None:
    if row.device != "hpu":
        torch_formats = ("float64", "float32", "bfloat16", "float16")
        assert [] == [each for each in torch_formats if not row.computes(each) and each not in row.remarks]


@pytest.mark.parametrize("device", ["xpu", "mps", "tpu", "amd"])
def test_a_device_of_which_nothing_is_known_has_a_row(device: Platform) -> None:
    assert architecture(device) is not None
    assert device in get_args(Platform)


def test_no_number_stands_for_two_architectures() -> None:
    capabilities = Counter(each for row in ARCHITECTURE_ROWS for each in row.compute_capabilities)
    targets = Counter(each for row in ARCHITECTURE_ROWS for each in row.gfx_targets)
    assert {1} == set(capabilities.values()) | set(targets.values())


def test_a_row_says_what_is_verified_and_what_is_not() -> None:
    by_key = {row.key: row for row in ROWS}
    h100, a10g = by_key["nvidia-h100-80gb-hbm3"], by_key["nvidia-a10g"]
    assert (True, True) == (h100.is_verified("bfloat16"), h100.is_verified("matrix_tflops.float8_e4m3fn"))
    assert (False, False) == (a10g.is_verified("bfloat16"), a10g.is_verified("memory_bandwidth_gbytes_per_second"))
    assert a10g.is_verified("compute_capability")
    assert not by_key["nvidia-h100-nvl"].is_verified("memory_bandwidth_gbytes_per_second")


def test_what_a_row_does_not_have_is_not_verified() -> None:
    v100 = next(row for row in ROWS if row.key == "nvidia-tesla-v100-sxm2-16gb")
    assert (False, False) == (v100.is_verified("bfloat16"), v100.is_verified("gfx_target"))


def test_a_field_that_no_row_has_is_an_error() -> None:
    with pytest.raises(CatalogError, match=r"no field 'fp16'\. Allowed: key, .*bfloat16"):
        ROWS[0].is_verified("fp16")


@pytest.mark.parametrize(
    ("key", "dtype", "tflops"),
    [
        ("nvidia-h100-80gb-hbm3", "bfloat16", 989.4),
        ("nvidia-h100-80gb-hbm3", "float32", 67.0),
        ("nvidia-h100-80gb-hbm3", "float64", 67.0),
        ("nvidia-h100-80gb-hbm3", "tf32", 494.7),
        ("nvidia-h100-80gb-hbm3", "float8_e5m2", 1978.9),
        ("nvidia-h100-80gb-hbm3", "int8", 1978.9),
        ("nvidia-h100-80gb-hbm3", "complex64", None),
        ("nvidia-tesla-v100-sxm2-16gb", "bfloat16", None),
        ("amd-instinct-mi300x", "float8_e4m3fn", None),
        ("amd-instinct-mi300x", "float8_e4m3fnuz", 2614.9),
        ("amd-instinct-mi100", "float32", 46.1),
        ("amd-instinct-mi250x", "bfloat16", 191.5),
    ],
)
def test_the_peak_is_that_of_the_faster_unit(key: str, dtype: str, tflops: float | None) -> None:
    assert tflops == next(row for row in ROWS if row.key == key).peak_tflops(dtype)


@pytest.mark.parametrize(
    ("key", "memory"),
    [
        ("nvidia-h100-80gb-hbm3", 81559 * 2**20),
        ("nvidia-h100-pcie", 80 * 2**30),
        ("amd-instinct-mi250", 64 * 2**30),
        ("apple-m1", None),
    ],
)
def test_memory_is_what_the_driver_reports_or_else_what_is_sold(key: str, memory: int | None) -> None:
    assert memory == next(row for row in ROWS if row.key == key).memory_total_bytes


def test_the_page_about_the_catalogue_names_every_field_of_a_row() -> None:
    page = (Path(__file__).parents[3] / "docs" / "catalog.md").read_text(encoding="utf-8")
    assert [] == [field for field in AcceleratorRow.model_fields if f"`{field}`" not in page]
    assert "AUTOPREC_CATALOG" in page
