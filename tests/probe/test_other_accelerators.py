"""Intel's GPUs, Gaudi, Apple's GPUs and TPUs, from the bus and what systems tell."""

import json
import tomllib
from pathlib import Path

import pytest

from autoprec_probe import Accelerator, ReaderError
from autoprec_probe.accelerators import DETECTORS, detect_accelerators
from autoprec_probe.nvml import NvmlReading
from autoprec_probe.testing import FakeReader
from autoprec_probe.tpu import parse_accelerator_type

PCI = "/sys/bus/pci/devices"
XPU_SMI, HL_SMI = (
    ("xpu-smi", "discovery", "-j"),
    ("hl-smi", "-Q", "index,uuid,name,memory.total", "-f", "csv,noheader"),
)


def bus(vendor: int, *devices: int, subsystem: int = 0) -> dict[str, str]:
    files = {}
    for slot, device in enumerate(devices):
        folder = f"{PCI}/0000:{slot:02x}:00.0"
        files[f"{folder}/vendor"], files[f"{folder}/device"] = f"0x{vendor:04x}\n", f"0x{device:04x}\n"
        files[f"{folder}/subsystem_device"] = f"0x{subsystem:04x}\n"
    return files


def test_intels_gpus_are_told_by_their_ids() -> None:
    devices = detect_accelerators(FakeReader(files=bus(0x8086, 0x0BDA, 0x56A0, 0xE20B, 0x7D55)))
    assert ["xe-hpc", "xe-hpg", "xe2", "xe-lpg"] == [each.architecture for each in devices]
    assert {"xpu"} == {each.kind for each in devices}
    assert "Intel(R) Data Center GPU Max 1100" == devices[0].name


def test_graphics_that_torch_cannot_use_are_no_accelerator() -> None:
    assert () == detect_accelerators(FakeReader(files=bus(0x8086, 0x46A6, 0x9A49)))


def test_xpu_smi_tells_the_memory_of_a_card_on_the_bus() -> None:
    answer = {"device_list": [{"pci_bdf_address": "0000:00:00.0", "memory_physical_size_byte": "51522830336"}]}
    (device,) = detect_accelerators(
        FakeReader(files=bus(0x8086, 0x0BDA), commands={XPU_SMI: json.dumps(answer)}),
    )
    assert 51522830336 == device.memory_total_bytes


def test_a_driver_that_tells_the_memory_is_believed() -> None:
    files = bus(0x8086, 0x56A0) | {f"{PCI}/0000:00:00.0/drm/card0/lmem_total_bytes": "17179869184\n"}
    assert 17179869184 == detect_accelerators(FakeReader(files=files))[0].memory_total_bytes


@pytest.mark.parametrize(
    ("device", "generation"), [(0x1000, "gaudi"), (0x1020, "gaudi2"), (0x1060, "gaudi3"), (0x1063, "gaudi3")]
)
def test_gaudi_is_told_by_its_id(device: int, generation: str) -> None:
    (each,) = detect_accelerators(FakeReader(files=bus(0x1DA3, device)))
    assert ("hpu", "Intel", generation, generation.upper()) == (each.kind, each.vendor, each.architecture, each.name)


def test_hl_smi_tells_the_board_and_its_memory() -> None:
    reader = FakeReader(files=bus(0x1DA3, 0x1020), commands={HL_SMI: "0, 01P0-A-1, HL-225, 98304 MiB\n"})
    (each,) = detect_accelerators(reader)
    assert ("HL-225", "gaudi2", 96 * 2**30) == (each.name, each.architecture, each.memory_total_bytes)


def test_a_gaudi_of_a_later_generation_is_there_and_unknown() -> None:
    (each,) = detect_accelerators(FakeReader(files=bus(0x1DA3, 0x2000)))
    assert (None, None, None) == (each.name, each.architecture, each.error)


@pytest.mark.parametrize(
    ("device", "subsystem", "architecture", "cores"),
    [
        (0x0027, 0x004E, "tpu-v2", 2),
        (0x0027, 0x004F, "tpu-v3", 2),
        (0x005E, 0, "tpu-v4", 2),
        (0x0062, 0, "tpu-v5p", 2),
        (0x0063, 0, "tpu-v5e", 1),
        (0x006F, 0, "tpu-v6e", 1),
        (0x0076, 0, "tpu-v7x", 2),
    ],
)
def test_tpus_are_told_by_their_ids(device: int, subsystem: int, architecture: str, cores: int) -> None:
    files = bus(0x1AE0, device, device, subsystem=subsystem) | {"/dev/accel0": "", "/dev/accel1": ""}
    chips = detect_accelerators(FakeReader(files=files))
    expected = [("tpu", index, architecture, cores, None) for index in range(2)]
    assert expected == [(each.kind, each.index, each.architecture, each.cores, each.error) for each in chips]


def test_the_number_of_cores_of_a_newer_tpu_is_unknown() -> None:
    (chip,) = detect_accelerators(FakeReader(files=bus(0x1AE0, 0x0083) | {"/dev/vfio/0": ""}))
    assert ("TPU v8i", None, None) == (chip.name, chip.cores, chip.error)


def test_numbers_below_vfio_alone_are_no_tpu() -> None:
    files = {"/dev/vfio/0": "", "/dev/vfio/1": "", "/dev/vfio/vfio": ""}
    assert () == detect_accelerators(FakeReader(files=files, variables={"TPU_ACCELERATOR_TYPE": "v5p-8"}))


def test_numbers_below_vfio_with_a_tpu_on_the_bus_are_one() -> None:
    files = bus(0x1AE0, 0x0063) | {"/dev/vfio/0": "", "/dev/vfio/vfio": ""}
    assert [None] == [each.error for each in detect_accelerators(FakeReader(files=files))]


def test_a_tpu_that_no_device_file_leads_to_is_an_entry_with_its_error() -> None:
    (chip,) = detect_accelerators(FakeReader(files=bus(0x1AE0, 0x005E)))
    assert ("TPU v4", True) == (chip.name, "/dev/accel" in (chip.error or ""))


def test_other_devices_of_googles_are_no_tpu() -> None:
    assert () == detect_accelerators(FakeReader(files=bus(0x1AE0, 0x0042)))


@pytest.mark.parametrize(
    ("variables", "architecture"),
    [({"TPU_ACCELERATOR_TYPE": "v4-8"}, "tpu-v4"), ({"ACCELERATOR_TYPE": "v3-8"}, "tpu-v3"), ({}, None)],
)
def test_where_the_bus_is_hidden_device_files_count_and_variables_name(
    variables: dict[str, str], architecture: str | None
) -> None:
    files = {f"/dev/accel{chip}": "" for chip in range(4)} | {"/dev/accel/accel0": ""}
    chips = detect_accelerators(FakeReader(files=files, variables=variables))
    assert [architecture] * 4 == [each.architecture for each in chips]


def test_a_variable_alone_is_no_tpu() -> None:
    assert () == detect_accelerators(FakeReader(variables={"TPU_ACCELERATOR_TYPE": "v4-8"}))


@pytest.mark.parametrize(
    ("text", "generation", "chips", "here"),
    [
        ("v2-8", "v2", 4, 4),
        ("v3-32", "v3", 16, 4),
        ("v4-16", "v4", 8, 4),
        ("v5p-8", "v5p", 4, 4),
        ("v5litepod-8", "v5e", 8, 8),
        ("v5litepod-16", "v5e", 16, 4),
        ("v6e-1", "v6e", 1, 1),
        ("v6e-256", "v6e", 256, 4),
        ("tpu7x-8", "v7x", 4, 4),
        ("V4-8\n", "v4", 4, 4),
    ],
)
def test_the_number_in_a_type_counts_cores_or_chips(text: str, generation: str, chips: int, here: int) -> None:
    told = parse_accelerator_type(text)
    assert told is not None
    assert (generation, chips, here) == (told.generation, told.chips, told.usual_chips_per_host)


@pytest.mark.parametrize("text", ["", "v4", "v4-", "n1-standard-8", "nvidia-l4-1", "8"])
def test_what_is_no_type_tells_nothing(text: str) -> None:
    assert parse_accelerator_type(text) is None


def sysctl(name: str) -> str:
    machine = Path(__file__).parent / "machines" / f"{name}.toml"
    text: str = tomllib.loads(machine.read_text())["captures"][0]["text"]
    return text


def test_an_apple_processor_brings_its_gpu() -> None:
    (gpu,) = detect_accelerators(FakeReader(system="Darwin", machine="arm64", sysctl_text=sysctl("macos_m3")))
    expected = Accelerator(
        kind="mps",
        index=0,
        vendor="Apple",
        name="Apple M3",
        architecture="apple-m3",
        memory_total_bytes=17179869184,
    )
    assert expected == gpu


def test_an_intel_mac_has_no_gpu_of_apples() -> None:
    assert () == detect_accelerators(FakeReader(system="Darwin", sysctl_text=sysctl("macos_haswell")))


class _WithoutFolders(FakeReader):
    """A machine whose sysfs cannot be listed."""

    def list_directory(self, path: str) -> tuple[str, ...] | None:
        raise ReaderError(f"Cannot list {path}: input/output error")


def test_a_broken_detector_costs_an_entry_and_no_other_device() -> None:
    gpu = Accelerator(kind="cuda", index=0, vendor="NVIDIA", name="NVIDIA L4")
    devices = detect_accelerators(_WithoutFolders(nvml_reading=NvmlReading(accelerators=(gpu,))))
    assert gpu == devices[0]
    assert ["AMD", "Intel", "Google", "Intel"] == [each.vendor for each in devices[1:]]
    assert all("input/output error" in (each.error or "") for each in devices[1:])


def test_every_vendor_and_kind_has_one_detector() -> None:
    makers = [(each.vendor, each.kind) for each in DETECTORS]
    assert sorted(set(makers)) == sorted(makers)
