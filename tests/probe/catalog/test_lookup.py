"""An accelerator is found by its exact name or key, or not at all."""

import pytest

from autoprec_probe.catalog import AcceleratorFacts, accelerator_by_key, accelerator_by_name, accelerators, architecture
from autoprec_probe.errors import CatalogError
from autoprec_probe.key import device_key


@pytest.mark.parametrize("row", accelerators(), ids=lambda row: row.key)
def test_every_name_and_its_key_stand_for_their_row(row: AcceleratorFacts) -> None:
    assert [row] * len(row.names) == [accelerator_by_name(name) for name in row.names]
    assert [row] * len(row.names) == [accelerator_by_key(device_key(row.vendor, name)) for name in row.names]


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("NVIDIA H100 80GB HBM3", "nvidia-h100-80gb-hbm3"),
        ("NVIDIA H100 SXM", "nvidia-h100-80gb-hbm3"),
        ("nvidia h100  80gb hbm3 ", "nvidia-h100-80gb-hbm3"),
        ("GeForce RTX 2080 Ti", "nvidia-geforce-rtx-2080-ti"),
        ("Intel(R) Arc(TM) A770 Graphics", "intel-arc-a770-graphics"),
        ("Intel® Arc™ A770 Graphics", "intel-arc-a770-graphics"),
        ("Intel Arc A770 Graphics", "intel-arc-a770-graphics"),
        ("Arcturus GL-XL [Instinct MI100]", "amd-instinct-mi100"),
        ("AMD-Instinct-MI300X-OAM", "amd-instinct-mi300x"),
        ("TPU v5 lite", "google-tpu-v5e"),
        ("TPU v5", "google-tpu-v5p"),
        ("Apple M3 Max", "apple-m3-max"),
    ],
)
def test_spellings_differ_in_case_spaces_and_trademark_signs_only(name: str, key: str) -> None:
    found = accelerator_by_name(name)
    assert found is not None
    assert key == found.key


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("NVIDIA L4", "NVIDIA L40S"),
        ("NVIDIA H20", "NVIDIA H200"),
        ("NVIDIA H200", "NVIDIA H200 NVL"),
        ("NVIDIA H200", "NVIDIA GH200 480GB"),
        ("NVIDIA A10", "NVIDIA A10G"),
        ("NVIDIA A10", "NVIDIA A100-SXM4-40GB"),
        ("NVIDIA B200", "NVIDIA GB200"),
        ("NVIDIA B300", "NVIDIA GB300"),
        ("Tesla V100-SXM2-16GB", "Tesla V100-SXM2-32GB"),
        ("AMD Instinct MI250", "AMD Instinct MI250X"),
    ],
)
def test_a_name_inside_another_is_another_device(one: str, other: str) -> None:
    found, another = accelerator_by_name(one), accelerator_by_name(other)
    assert found is not None
    assert another is not None
    assert found.key != another.key


@pytest.mark.parametrize(
    "name", ["", "NVIDIA", "H100", "NVIDIA L40", "NVIDIA A4", "NVIDIA RTX A4000", "NVIDIA H100 80"]
)
def test_a_name_that_no_driver_reports_is_unknown(name: str) -> None:
    assert accelerator_by_name(name) is None


@pytest.mark.parametrize(("vendor", "found"), [("NVIDIA", True), ("nvidia", True), ("AMD", False), (None, True)])
def test_a_vendor_has_to_be_the_rows_own(vendor: str | None, *, found: bool) -> None:
    assert found == (accelerator_by_name("NVIDIA L4", vendor) is not None)


def test_an_unknown_key_gets_the_nearest_ones_and_the_way_to_add_one() -> None:
    with pytest.raises(CatalogError) as caught:
        accelerator_by_key("nvidia-h100-80gb")
    assert "no accelerator 'nvidia-h100-80gb'" in str(caught.value)
    assert "nvidia-h100-80gb-hbm3" in str(caught.value)
    assert "AUTOPREC_CATALOG" in str(caught.value)


def test_a_slice_has_no_facts_of_its_own() -> None:
    with pytest.raises(CatalogError, match="The whole one is 'nvidia-h100-pcie'"):
        accelerator_by_key("nvidia-h100-pcie-mig")


@pytest.mark.parametrize(
    ("name", "found"),
    [("hopper", "hopper"), ("Hopper", "hopper"), ("battlemage", "xe2"), ("v5e", "tpu-v5e"), ("rdna3.5", "rdna3")],
)
def test_an_architecture_is_found_by_name_or_alias(name: str, found: str) -> None:
    row = architecture(name)
    assert row is not None
    assert found == row.name


def test_an_unknown_architecture_is_none() -> None:
    assert architecture("hop") is None
