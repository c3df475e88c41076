"""AMD's devices: from the driver's topology, from AMD's tools where there is none, and from the bus."""

import json

import pytest

from autoprec_probe.accelerators import detect_accelerators
from autoprec_probe.amd.detect import detect_amd
from autoprec_probe.amd.targets import architecture_of, target_of_version
from autoprec_probe.testing import FakeReader

NODES = "/sys/class/kfd/kfd/topology/nodes"
PCI = "/sys/bus/pci/devices"
PROCESSOR = "cpu_cores_count 64\nsimd_count 0\ngfx_target_version 0\n"
GPU = (
    "simd_count {simds}\nsimd_per_cu 4\ngfx_target_version {version}\ndevice_id {device}\n"
    "drm_render_minor {minor}\nlocal_mem_size 0\nunique_id {unique}\n"
)
MI300X = {"simds": 1216, "version": 90402, "device": 0x74A1, "minor": 128, "unique": 11}
AMD_SMI, ROCM_SMI = (
    ("amd-smi", "static", "--json"),
    ("rocm-smi", "--showid", "--showproductname", "--showuniqueid", "--showmeminfo", "vram", "--json"),
)


def topology(*gpus: dict[str, int], **files: str) -> dict[str, str]:
    nodes = {f"{NODES}/0/properties": PROCESSOR}
    for number, gpu in enumerate(gpus, start=1):
        nodes[f"{NODES}/{number}/properties"] = GPU.format(**gpu)
        nodes[f"{NODES}/{number}/mem_banks/0/properties"] = "heap_type 1\nsize_in_bytes 206141652992\n"
    drm = {f"/sys/class/drm/renderD128/device/{name}": text for name, text in files.items()}
    return nodes | drm


@pytest.mark.parametrize(
    ("version", "target", "architecture"),
    [
        (90000, "gfx900", "gcn5"),
        (90006, "gfx906", "gcn5"),
        (90008, "gfx908", "cdna1"),
        (90010, "gfx90a", "cdna2"),
        (90402, "gfx942", "cdna3"),
        (90500, "gfx950", "cdna4"),
        (100300, "gfx1030", "rdna2"),
        (110000, "gfx1100", "rdna3"),
        (110501, "gfx1151", "rdna3"),
        (120001, "gfx1201", "rdna4"),
        (130000, "gfx1300", None),
        (0, None, None),
    ],
)
def test_the_drivers_number_is_a_target_and_an_architecture(
    version: int, target: str | None, architecture: str | None
) -> None:
    assert (target, architecture) == (target_of_version(version), architecture_of(target_of_version(version)))


def test_the_topology_tells_a_device_and_no_tool_is_started() -> None:
    files = topology(MI300X, product_name="AMD Instinct MI300X OAM\n", mem_info_vram_used="1024\n")
    (device,) = detect_amd(FakeReader(files=files, commands={AMD_SMI: "never asked"}))
    assert ("cuda", "AMD", "AMD Instinct MI300X OAM") == (device.kind, device.vendor, device.name)
    assert ("gfx942", "cdna3", 304) == (device.gfx_target, device.architecture, device.cores)
    assert (206141652992, 206141652992 - 1024) == (device.memory_total_bytes, device.memory_free_bytes)
    assert ("GPU-000000000000000b", False) == (device.uuid, device.partitioned)


def test_nodes_are_ordered_by_number_not_by_name() -> None:
    gpus = [{**MI300X, "unique": number} for number in range(1, 12)]
    uuids = [each.uuid for each in detect_amd(FakeReader(files=topology(*gpus)))]
    assert [f"GPU-{number:016x}" for number in range(1, 12)] == uuids


def test_nodes_that_a_container_may_not_read_are_not_its_own() -> None:
    files = topology(MI300X, {**MI300X, "unique": 12})
    files[f"{NODES}/1/properties"] = ""
    assert ["GPU-000000000000000c"] == [each.uuid for each in detect_amd(FakeReader(files=files))]


@pytest.mark.parametrize(
    ("mode", "unique", "partitioned"),
    [("CPX\n", 12, True), ("SPX\n", 12, False), ("", 11, True), ("", 12, False)],
)
def test_a_partition_is_told_by_the_driver_or_by_a_number_that_devices_share(
    mode: str,
    unique: int,
    partitioned: bool,  # noqa: FBT001
) -> None:
    files = topology(MI300X, {**MI300X, "unique": unique}, current_compute_partition=mode)
    assert partitioned == detect_amd(FakeReader(files=files))[0].partitioned


def test_an_old_kernel_that_names_no_target_is_told_by_the_id() -> None:
    (device,) = detect_amd(FakeReader(files=topology({**MI300X, "version": 0, "device": 0x6860})))
    assert ("gfx900", "Radeon Instinct MI25") == (device.gfx_target, device.name)


def test_an_id_that_nobody_knows_stays_unknown() -> None:
    (device,) = detect_amd(FakeReader(files=topology({**MI300X, "version": 0, "device": 0xFFFF})))
    assert (None, None, None) == (device.gfx_target, device.architecture, device.name)


def test_where_there_is_no_topology_amd_smi_is_asked() -> None:
    answer = [{"gpu": 0, "asic": {"market_name": "AMD Radeon RX 7900 XTX", "target_graphics_version": "gfx1100"}}]
    (device,) = detect_amd(FakeReader(commands={AMD_SMI: json.dumps(answer)}))
    assert ("AMD Radeon RX 7900 XTX", "gfx1100") == (device.name, device.gfx_target)


def test_where_there_is_no_amd_smi_either_rocm_smi_is_asked() -> None:
    answer = {"card0": {"Card Series": "AMD Radeon VII", "Device ID": "0x66af"}}
    (device,) = detect_amd(FakeReader(commands={ROCM_SMI: json.dumps(answer)}))
    assert ("AMD Radeon VII", "gfx906") == (device.name, device.gfx_target)


@pytest.mark.parametrize("answer", ["{", "[1]", '{"gpu_data": 3}'])
def test_a_garbled_answer_of_a_tool_is_an_entry_with_its_error(answer: str) -> None:
    (device,) = detect_accelerators(FakeReader(commands={AMD_SMI: answer}))
    assert ("AMD", True) == (device.vendor, device.error is not None)


def test_a_device_on_the_bus_without_its_driver_is_an_entry_with_its_error() -> None:
    files = {f"{PCI}/0000:03:00.0/vendor": "0x1002\n", f"{PCI}/0000:03:00.0/device": "0x744c\n"}
    (device,) = detect_amd(FakeReader(files=files))
    assert ("gfx1100", True) == (device.gfx_target, "0000:03:00.0" in (device.error or ""))


def test_a_machine_without_amd_has_none() -> None:
    assert () == detect_amd(FakeReader())
