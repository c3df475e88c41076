"""Processors of running machines: what /proc, /sys and sysctl show, and what of it a process may use."""

import tomllib
from pathlib import Path

import pytest

from autoprec_probe import Cpu
from autoprec_probe.cpu import detect_cpu
from autoprec_probe.profile import CoreKind
from autoprec_probe.testing import FakeReader

MACHINES = Path(__file__).parent / "machines"
CPUS = "/sys/devices/system/cpu"


def text_of(name: str) -> str:
    text: str = tomllib.loads((MACHINES / f"{name}.toml").read_text())["captures"][0]["text"]
    return text


def replay(name: str, machine: str = "x86_64") -> Cpu:
    if name.startswith("macos"):
        return detect_cpu(FakeReader(system="Darwin", machine=machine, sysctl_text=text_of(name)))
    return detect_cpu(FakeReader(machine=machine, files={"/proc/cpuinfo": text_of(name)}))


@pytest.mark.parametrize(
    ("name", "machine", "vendor", "microarchitecture"),
    [
        ("sapphirerapids_xeon", "x86_64", "GenuineIntel", "sapphirerapids"),
        ("zen4_epyc", "x86_64", "AuthenticAMD", "zen4"),
        ("neoverse_v2_server", "aarch64", "ARM", "neoverse_v2"),
        ("power9_server", "ppc64le", "IBM", "power9"),
        ("riscv_board", "riscv64", "SiFive", "u74mc"),
        ("z16_lpar", "s390x", "IBM/S390", "z16"),
        ("macos_m3", "arm64", "Apple", "m3"),
        ("macos_haswell", "x86_64", "GenuineIntel", "haswell"),
    ],
)
def test_a_running_machine_is_told_like_a_captured_one(
    name: str, machine: str, vendor: str, microarchitecture: str
) -> None:
    cpu = replay(name, machine)
    expected = tuple(tomllib.loads((MACHINES / f"{name}.toml").read_text())["expected"]["cpu"]["features"])
    assert (vendor, microarchitecture, expected) == (cpu.vendor, cpu.microarchitecture, cpu.features)


def test_a_model_newer_than_the_table_is_named_by_its_nearest_relative_in_archspec() -> None:
    assert "icelake" == replay("unknown_newer_intel").microarchitecture


def test_flags_of_the_emulating_host_are_not_taken_for_the_emulated_machine() -> None:
    cpu = replay("zen4_epyc", "ppc64le")
    assert (None, ()) == (cpu.microarchitecture, cpu.features)


@pytest.mark.parametrize(("name", "hypervisor"), [("zen5_guest_masked", True), ("zen4_epyc", False)])
def test_a_hypervisor_is_told_by_its_flag(name: str, hypervisor: bool) -> None:  # noqa: FBT001
    assert hypervisor == replay(name).hypervisor


def test_where_no_flag_tells_of_a_hypervisor_it_is_unknown() -> None:
    assert replay("neoverse_v2_server", "aarch64").hypervisor is None


@pytest.mark.parametrize(
    ("name", "machine", "physical", "logical"),
    [
        ("haswell_xeon", "x86_64", 2, 4),
        ("raptorlake_core", "x86_64", 3, 4),
        ("neoverse_v2_server", "aarch64", None, 4),
        ("s390x_mainframe", "s390x", None, 2),
        ("macos_haswell", "x86_64", 4, 8),
    ],
)
def test_cores_are_counted(name: str, machine: str, physical: int | None, logical: int) -> None:
    cpu = replay(name, machine)
    assert (physical, logical) == (cpu.physical_cores, cpu.logical_cores)


def test_physical_cores_and_threads_come_from_sysfs_where_it_tells_them() -> None:
    files = {
        "/proc/cpuinfo": text_of("neoverse_v2_server"),
        f"{CPUS}/online": "0-3\n",
        f"{CPUS}/cpu0/topology/core_cpus_list": "0,2\n",
        f"{CPUS}/cpu1/topology/core_cpus_list": "1,3\n",
        f"{CPUS}/cpu2/topology/thread_siblings_list": "0,2\n",
        f"{CPUS}/cpu3/topology/thread_siblings_list": "1,3\n",
    }
    cpu = detect_cpu(FakeReader(machine="aarch64", files=files))
    assert (2, 2) == (cpu.physical_cores, cpu.threads_per_core)


def test_where_cores_differ_the_most_threads_count() -> None:
    files = {f"{CPUS}/online": "0-2\n"} | {
        f"{CPUS}/cpu{cpu}/topology/core_cpus_list": threads for cpu, threads in enumerate(("0-1", "0-1", "2"))
    }
    assert 2 == detect_cpu(FakeReader(files=files)).threads_per_core


def test_memory_is_in_bytes() -> None:
    reader = FakeReader(files={"/proc/meminfo": "MemTotal:       16384 kB\nMemFree:        1 kB\n"})
    assert 16 * 2**20 == detect_cpu(reader).memory_total_bytes


@pytest.mark.parametrize(
    ("names", "nodes"), [(("node0",), 1), (("node0", "node1", "node8", "has_cpu"), 3), (("online",), None)]
)
def test_memory_nodes_are_counted(names: tuple[str, ...], nodes: int | None) -> None:
    files = {f"/sys/devices/system/node/{name}/cpulist": "" for name in names}
    assert nodes == detect_cpu(FakeReader(files=files)).numa_nodes


def test_usable_cores_are_the_readers() -> None:
    assert 3 == detect_cpu(FakeReader(usable_cores=3)).usable_cores


@pytest.mark.parametrize(("machine", "architecture"), [("AMD64", "x86_64"), ("ARM64", "aarch64")])
def test_windows_spellings_become_linux_ones(machine: str, architecture: str) -> None:
    cpu = detect_cpu(FakeReader(system="Windows", machine=machine, logical_cores=8))
    assert (architecture, 8, None, ()) == (cpu.architecture, cpu.logical_cores, cpu.vendor, cpu.features)


def test_an_intel_python_on_an_apple_processor_is_told_by_the_brand() -> None:
    assert "aarch64" == replay("macos_m3", machine="x86_64").architecture


def test_a_mac_without_sysctl_is_still_described() -> None:
    cpu = detect_cpu(FakeReader(system="Darwin", machine="arm64", logical_cores=10))
    assert ("aarch64", "Apple", None, 10) == (cpu.architecture, cpu.vendor, cpu.microarchitecture, cpu.logical_cores)


@pytest.mark.parametrize(
    ("model", "names"),
    [("183", ("raptor_cove", "gracemont")), ("197", (None, None)), ("189", ("lion_cove", "skymont"))],
)
def test_intels_hybrids_tell_their_kinds_of_cores(model: str, names: tuple[str | None, str | None]) -> None:
    files = {
        "/proc/cpuinfo": f"processor : 0\nvendor_id : GenuineIntel\ncpu family : 6\nmodel : {model}\nflags : avx2\n",
        "/sys/devices/cpu_core/cpus": "0-11\n",
        "/sys/devices/cpu_atom/cpus": "12-15\n",
    }
    kinds = detect_cpu(FakeReader(files=files)).core_kinds
    assert tuple(zip(names, (12, 4), strict=True)) == tuple((each.name, each.logical_cores) for each in kinds)


def test_the_kernel_says_which_arm_cores_are_fast() -> None:
    block = "processor : {}\nCPU implementer : 0x41\nCPU part : {}\n"
    files = {
        "/proc/cpuinfo": "\n".join(block.format(cpu, part) for cpu, part in enumerate(("0xd87", "0xd85", "0xd87"))),
        f"{CPUS}/cpu0/cpu_capacity": "1024\n",
        f"{CPUS}/cpu1/cpu_capacity": "718\n",
    }
    expected = (CoreKind(name="cortex_a725", logical_cores=2), CoreKind(name="cortex_x925", logical_cores=1))
    assert expected == detect_cpu(FakeReader(machine="aarch64", files=files)).core_kinds


def test_cores_that_are_alike_are_no_hybrid() -> None:
    assert () == replay("neoverse_v2_server", "aarch64").core_kinds
