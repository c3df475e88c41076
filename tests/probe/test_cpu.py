"""Processors from captures of /proc/cpuinfo and sysctl."""

from pathlib import Path

import pytest

from autoprec_probe import Cpu
from autoprec_probe.cpu import detect_cpu
from autoprec_probe.testing import FakeReader

CAPTURES = Path(__file__).parent / "captures"

AVX2 = {"sse2", "avx", "avx2", "fma", "f16c"}
AVX512 = AVX2 | {"avx512f", "avx512bw", "avx512vl", "avx512dq"}
SAPPHIRE_RAPIDS = AVX512 | {
    "avx512_vnni",
    "avx_vnni",
    "avx512_bf16",
    "avx512_fp16",
    "amx_tile",
    "amx_int8",
    "amx_bf16",
}
NEOVERSE_N1 = {"asimd", "asimdhp", "fphp", "asimddp"}
NEOVERSE_V2 = NEOVERSE_N1 | {"asimdfhm", "bf16", "i8mm", "sve", "sve2", "svebf16", "svei8mm"}


def replay(name: str, machine: str = "x86_64") -> Cpu:
    text = (CAPTURES / name).read_text()
    if name.startswith("macos"):
        return detect_cpu(FakeReader(system="Darwin", machine=machine, sysctl_text=text))
    return detect_cpu(FakeReader(machine=machine, files={"/proc/cpuinfo": text}))


@pytest.mark.parametrize(
    ("name", "machine", "vendor", "microarchitecture"),
    [
        ("haswell_xeon.txt", "x86_64", "GenuineIntel", "haswell"),
        ("cascadelake_xeon.txt", "x86_64", "GenuineIntel", "cascadelake"),
        ("cooperlake_xeon.txt", "x86_64", "GenuineIntel", "cooperlake"),
        ("sapphirerapids_xeon.txt", "x86_64", "GenuineIntel", "sapphirerapids"),
        ("graniterapids_old_kernel.txt", "x86_64", "GenuineIntel", "graniterapids"),
        ("raptorlake_core.txt", "x86_64", "GenuineIntel", "raptorlake"),
        ("zen2_epyc.txt", "x86_64", "AuthenticAMD", "zen2"),
        ("zen4_epyc.txt", "x86_64", "AuthenticAMD", "zen4"),
        ("zen5_guest_masked.txt", "x86_64", "AuthenticAMD", "zen5"),
        ("neoverse_n1_server.txt", "aarch64", "ARM", "neoverse_n1"),
        ("neoverse_v2_server.txt", "aarch64", "ARM", "neoverse_v2"),
        ("cortex_a53_board.txt", "aarch64", "ARM", "cortex_a53"),
        ("big_little_without_bf16_on_all.txt", "aarch64", "ARM", "cortex_a510+cortex_x1"),
        ("power9_server.txt", "ppc64le", "IBM", "power9"),
        ("riscv_board.txt", "riscv64", "SiFive", "u74mc"),
        ("macos_m3.sysctl.txt", "arm64", "Apple", "m3"),
        ("macos_haswell.sysctl.txt", "x86_64", "GenuineIntel", "haswell"),
    ],
)
def test_vendor_and_microarchitecture_are_told(name: str, machine: str, vendor: str, microarchitecture: str) -> None:
    cpu = replay(name, machine)
    assert (vendor, microarchitecture) == (cpu.vendor, cpu.microarchitecture)


@pytest.mark.parametrize(
    ("name", "machine"),
    [
        ("emulated_generic.txt", "x86_64"),
        ("unknown_newer_intel_guest.txt", "x86_64"),
        ("arm_of_an_unknown_maker.txt", "aarch64"),
        ("s390x_mainframe.txt", "s390x"),
        ("riscv_of_an_unknown_maker.txt", "riscv64"),
    ],
)
def test_a_microarchitecture_that_cannot_be_told_is_none(name: str, machine: str) -> None:
    assert replay(name, machine).microarchitecture is None


def test_a_model_newer_than_the_table_is_named_by_its_nearest_relative_in_archspec() -> None:
    assert "icelake" == replay("unknown_newer_intel.txt").microarchitecture


@pytest.mark.parametrize(
    ("name", "machine", "features"),
    [
        ("haswell_xeon.txt", "x86_64", AVX2),
        ("cooperlake_xeon.txt", "x86_64", AVX512 | {"avx512_vnni", "avx512_bf16"}),
        ("zen4_epyc.txt", "x86_64", AVX512 | {"avx512_vnni", "avx512_bf16"}),
        ("zen5_guest_masked.txt", "x86_64", AVX512 | {"avx512_vnni", "avx512_bf16", "avx_vnni"}),
        ("sapphirerapids_xeon.txt", "x86_64", SAPPHIRE_RAPIDS),
        ("graniterapids_old_kernel.txt", "x86_64", SAPPHIRE_RAPIDS),
        ("neoverse_n1_server.txt", "aarch64", NEOVERSE_N1),
        ("neoverse_v2_server.txt", "aarch64", NEOVERSE_V2),
        ("power9_server.txt", "ppc64le", set()),
        ("s390x_mainframe.txt", "s390x", set()),
        ("riscv_board.txt", "riscv64", set()),
        ("macos_m3.sysctl.txt", "arm64", NEOVERSE_N1 | {"asimdfhm", "bf16", "i8mm"}),
        ("macos_haswell.sysctl.txt", "x86_64", AVX2),
    ],
)
def test_features_are_the_flags_that_matter_sorted(name: str, machine: str, features: set[str]) -> None:
    assert tuple(sorted(features)) == replay(name, machine).features


def test_a_feature_that_one_core_lacks_is_not_a_feature_of_the_machine() -> None:
    cpu = replay("big_little_without_bf16_on_all.txt", "aarch64")
    assert tuple(sorted(NEOVERSE_N1)) == cpu.features


def test_flags_of_the_emulating_host_are_not_taken_for_the_emulated_machine() -> None:
    cpu = replay("zen4_epyc.txt", "ppc64le")
    assert (None, ()) == (cpu.microarchitecture, cpu.features)


@pytest.mark.parametrize(
    ("name", "hypervisor"),
    [("zen5_guest_masked.txt", True), ("zen4_epyc.txt", False)],
)
def test_a_hypervisor_is_told_by_its_flag(name: str, hypervisor: bool) -> None:  # noqa: FBT001
    assert hypervisor == replay(name).hypervisor


def test_where_no_flag_tells_of_a_hypervisor_it_is_unknown() -> None:
    assert replay("neoverse_v2_server.txt", "aarch64").hypervisor is None


@pytest.mark.parametrize(
    ("name", "machine", "physical", "logical"),
    [
        ("haswell_xeon.txt", "x86_64", 2, 4),
        ("sapphirerapids_xeon.txt", "x86_64", 4, 4),
        ("raptorlake_core.txt", "x86_64", 3, 4),
        ("neoverse_v2_server.txt", "aarch64", None, 4),
        ("s390x_mainframe.txt", "s390x", None, 2),
        ("macos_haswell.sysctl.txt", "x86_64", 4, 8),
    ],
)
def test_cores_are_counted(name: str, machine: str, physical: int | None, logical: int) -> None:
    cpu = replay(name, machine)
    assert (physical, logical) == (cpu.physical_cores, cpu.logical_cores)


def test_physical_cores_come_from_sysfs_where_it_tells_them() -> None:
    cpus = "/sys/devices/system/cpu"
    files = {
        "/proc/cpuinfo": (CAPTURES / "neoverse_v2_server.txt").read_text(),
        f"{cpus}/online": "0-3\n",
        f"{cpus}/cpu0/topology/core_cpus_list": "0,2\n",
        f"{cpus}/cpu1/topology/core_cpus_list": "1,3\n",
        f"{cpus}/cpu2/topology/thread_siblings_list": "0,2\n",
        f"{cpus}/cpu3/topology/thread_siblings_list": "1,3\n",
    }
    assert 2 == detect_cpu(FakeReader(machine="aarch64", files=files)).physical_cores


def test_memory_is_in_bytes() -> None:
    reader = FakeReader(files={"/proc/meminfo": "MemTotal:       16384 kB\nMemFree:        1 kB\n"})
    assert 16 * 2**20 == detect_cpu(reader).memory_total_bytes


def test_usable_cores_are_the_readers() -> None:
    assert 3 == detect_cpu(FakeReader(usable_cores=3)).usable_cores


@pytest.mark.parametrize(("machine", "architecture"), [("AMD64", "x86_64"), ("ARM64", "aarch64")])
def test_windows_spellings_become_linux_ones(machine: str, architecture: str) -> None:
    cpu = detect_cpu(FakeReader(system="Windows", machine=machine, logical_cores=8))
    assert (architecture, 8, None, ()) == (cpu.architecture, cpu.logical_cores, cpu.vendor, cpu.features)


def test_an_intel_python_on_an_apple_processor_is_told_by_the_brand() -> None:
    assert "aarch64" == replay("macos_m3.sysctl.txt", machine="x86_64").architecture


def test_a_mac_without_sysctl_is_still_described() -> None:
    cpu = detect_cpu(FakeReader(system="Darwin", machine="arm64"))
    assert ("aarch64", "Apple", None) == (cpu.architecture, cpu.vendor, cpu.microarchitecture)
