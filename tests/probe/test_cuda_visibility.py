"""What a workload sees of a machine's NVIDIA devices under CUDA_VISIBLE_DEVICES."""

import pytest

from autoprec_probe import Accelerator, probe
from autoprec_probe.accelerators import detect_accelerators
from autoprec_probe.nvml import NvmlReading
from autoprec_probe.profile import Slice
from autoprec_probe.testing import FakeReader

PCI = {"CUDA_DEVICE_ORDER": "PCI_BUS_ID"}


def gpu(index: int, name: str = "NVIDIA L4", **facts: object) -> Accelerator:
    told = {"kind": "cuda", "index": index, "vendor": "NVIDIA", "name": name, "uuid": f"GPU-{index}abc", **facts}
    return Accelerator.model_validate(told)


ALIKE = (gpu(0), gpu(1), gpu(2))
MIXED = (gpu(0, "Tesla T4"), gpu(1, "NVIDIA H100 80GB HBM3"))
SLICES = (Slice(name="3g.20gb", uuid="MIG-one"), Slice(name="1g.5gb", uuid="MIG-two"))
PARTITIONED = (gpu(0, "NVIDIA A100-SXM4-40GB", partitioned=True, slices=SLICES), gpu(1, "NVIDIA A100-SXM4-40GB"))


def reader(accelerators: tuple[Accelerator, ...], **variables: str) -> FakeReader:
    return FakeReader(nvml_reading=NvmlReading(accelerators=accelerators), variables=variables)


def seen(accelerators: tuple[Accelerator, ...], text: str, **variables: str) -> list[int]:
    found = detect_accelerators(reader(accelerators, CUDA_VISIBLE_DEVICES=text, **variables))
    return [each.index for each in found]


def test_without_the_variable_all_are_seen() -> None:
    assert ALIKE == detect_accelerators(reader(ALIKE))


@pytest.mark.parametrize(
    ("text", "indices"),
    [
        ("1", [1]),
        ("2,0", [2, 0]),
        (" 1 , 2 ", [1, 2]),
        ("GPU-2abc", [2]),
        ("GPU-1", [1]),
        ("", []),
        ("-1", []),
        ("NoDevFiles", []),
        ("7", []),
        ("1,7,2", [1]),
        ("1,1", [1]),
    ],
)
def test_a_workload_sees_what_is_listed_before_the_first_word_that_names_nothing(text: str, indices: list[int]) -> None:
    assert indices == seen(ALIKE, text)


def test_numbers_of_unlike_devices_tell_nothing_in_cudas_own_order() -> None:
    assert [0, 1] == seen(MIXED, "0")


def test_numbers_of_unlike_devices_count_in_the_order_of_pci_where_cuda_is_told_so() -> None:
    assert [1] == seen(MIXED, "1", **PCI)


def test_the_key_is_that_of_the_device_that_a_workload_gets() -> None:
    assert "nvidia-h100-80gb-hbm3" == probe(reader(MIXED, CUDA_VISIBLE_DEVICES="GPU-1abc")).key


def test_a_slice_is_chosen_by_its_uuid() -> None:
    (device,) = detect_accelerators(reader(PARTITIONED, CUDA_VISIBLE_DEVICES="MIG-two"))
    assert (0, SLICES[1:]) == (device.index, device.slices)


def test_a_slice_in_the_notation_of_old_drivers_tells_its_device() -> None:
    (device,) = detect_accelerators(reader(PARTITIONED, CUDA_VISIBLE_DEVICES="MIG-GPU-0abc/1/0"))
    assert PARTITIONED[0] == device


def test_a_device_that_cannot_be_read_stays_an_entry() -> None:
    lost = Accelerator(kind="cuda", index=1, vendor="NVIDIA", error="GPU is lost")
    assert [0, 1] == seen((gpu(0), lost), "0")
