"""Machines that others recorded, where they are at hand: shared material, not part of the repository."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from autoprec_probe import Accelerator, Cpu, HardwareProfile
from autoprec_probe.captures.reading import read_captures
from autoprec_probe.cpu import detect_cpu
from autoprec_probe.cpu_models import ARM_IMPLEMENTERS
from autoprec_probe.features import ARM, X86
from autoprec_probe.testing import FakeReader

FIXTURES = Path(__file__).parents[3] / "shared" / "hardware" / "fixtures"
PROCESSORS, AMD, TPU = FIXTURES / "cpuinfo", FIXTURES / "amd", FIXTURES / "tpu"

MACHINES = {"x86": "x86_64", "arm": "aarch64", "darwin-x86": "x86_64", "darwin-arm64": "arm64"}

DIFFERENT_NAMES = {
    "archspec__linux-rhel7-x86_64_v3.txt": "haswell",  # a Haswell with one flag hidden: its model still tells
    "archspec__linux-ubuntu24.04-alderlake.txt": "arrowlake_s",  # the label is the nearest that archspec then knew
    "archspec__windows-cpuid-icelake.txt": "tigerlake",  # the same: its model is 0x8C
    "archspec__linux-centos7-power8le.txt": "power8",  # byte order is the architecture's matter, not the core's
    "hwloc__nvidia-dgx-gb10.txt": "cortex_a725+cortex_x925",
    "hwloc__128arm-2pa2n8cluster4co.txt": "tsv110",
    "pycpuinfo__linux_odroid_xu3_arm_32.txt": "cortex_a15+cortex_a7",
    "ptcpuinfo__pixel-2-xl.txt": "cortex_a53+cortex_a73",
    "ptcpuinfo__galaxy-s9-us.txt": "cortex_a55+cortex_a75",
    "ptcpuinfo__galaxy-s9-global.txt": "cortex_a55+exynos_m3",
    "ptcpuinfo__huawei-mate-20.txt": "cortex_a55+cortex_a76",
    "ptcpuinfo__huawei-p20-pro.txt": "cortex_a53+cortex_a73",
    "ptcpuinfo__zenfone-2.txt": "silvermont",
    "ptcpuinfo__leagoo-t5c.txt": "airmont",
}
"""What is expected where the recorded label is not the beginning of a name."""

NOT_TOLD = {
    "pycpuinfo__linux_aarch64_64.lscpu.txt",
    "pycpuinfo__linux_odroid_c2_aarch64.lscpu.txt",
    "pycpuinfo__linux_odroid_xu3_arm_32.lscpu.txt",
    "pycpuinfo__linux_raspberry_pi_model_b_arm.lscpu.txt",
}
"""Old releases of lscpu name no core of ARM's."""

GFX = {
    "amdgpu_top__dump-rx9060xt.json": ("gfx1200", "gfx1036"),
    "gls__MI300X_deviceQuery.txt": ("gfx942",),
    "gls__MI300X_smi.txt": ("gfx942",),
    "gls__MI300X_x4_deviceQuery.txt": ("gfx942",) * 4,
    "gls__MI300X_x4_rocminfo.txt": ("gfx942",) * 4,
    "gls__MI300X_x4_smi.out_a.txt": ("gfx942",) * 4,
    "gls__MI300X_x4_smi.txt": ("gfx942",) * 4,
    "kfd/topo-mi210-xgmi-pcie": ("gfx90a",) * 3,
    "kfd/topo-mi300-cpx": ("gfx942",) * 3,
    "kfd/topology-parsing": ("gfx900",) * 2,
    "kfd/topology-parsing-mi308": ("gfx942",) * 3,
    "pai__rocm_smi.json": ("gfx906",) * 2,
    "rocprofcompute__sysinfo-MI100.csv": ("gfx908",),
    "rocprofcompute__sysinfo-MI200.csv": ("gfx90a",),
    "rocprofcompute__sysinfo-MI300A_A1.csv": ("gfx942",),
    "rocprofcompute__sysinfo-MI300X_A1.csv": ("gfx942",),
    "telegraf__mi100_rocm571.json": ("gfx908",) * 6,
    "telegraf__mi100_rocm602.json": ("gfx908",) * 4,
    "telegraf__rx6700xt_rocm430.json": ("gfx1031",),
    "telegraf__rx6700xt_rocm571.json": ("gfx1031",),
    "telegraf__rx6700xt_rocm602.json": ("gfx1031",),
    "telegraf__rx6700xt_rocm612.json": ("gfx1031",),
    "telegraf__vega-10-XT.json": ("gfx900",),
    "telegraf__vega-20-WKS-GL-XE.json": ("gfx906",),
}
"""The targets of AMD's recorded machines, by file (MANIFEST.md beside them)."""

MEMORY = {
    "amdgpu_top__dump-rx9060xt.json": 17095983104,
    "gls__MI300X_deviceQuery.txt": 196592 * 2**20,
    "gls__MI300X_x4_rocminfo.txt": 196592 * 2**20,
    "kfd/topology-parsing": 17163091968,
    "kfd/topology-parsing-mi308": 51539607552,
    "pai__rocm_smi.json": 17163091968,
    "telegraf__mi100_rocm571.json": 34342961152,
    "telegraf__rx6700xt_rocm430.json": 12868124672,
    "telegraf__rx6700xt_rocm612.json": 12868124672,
    "telegraf__vega-20-WKS-GL-XE.json": 34342961152,
}
CORES = {
    "amdgpu_top__dump-rx9060xt.json": 32,
    "gls__MI300X_deviceQuery.txt": 304,
    "gls__MI300X_x4_rocminfo.txt": 304,
    "kfd/topo-mi210-xgmi-pcie": 104,
    "kfd/topo-mi300-cpx": 38,
    "kfd/topology-parsing": 64,
    "kfd/topology-parsing-mi308": 20,
    "rocprofcompute__sysinfo-MI100.csv": 120,
    "rocprofcompute__sysinfo-MI300A_A1.csv": 228,
}
PARTITIONED = {"kfd/topo-mi210-xgmi-pcie": False, "kfd/topo-mi300-cpx": True, "kfd/topology-parsing-mi308": True}


def recorded() -> list[dict[str, Any]]:
    truth = PROCESSORS / "truth.json"
    entries: list[dict[str, Any]] = json.loads(truth.read_text()) if truth.exists() else []
    return entries


RECORDED = recorded()
CPUINFO = [each for each in RECORDED if not each["kind"].startswith(("lscpu text", "CPUID leaves"))]
LSCPU = [each for each in RECORDED if each["kind"].startswith("lscpu text")]


def missing(where: Path) -> pytest.MarkDecorator:
    return pytest.mark.skip(reason=f"no recorded machines at {where}")


def each_of(entries: list[dict[str, Any]]) -> pytest.MarkDecorator:
    """Parametrise over recorded machines; where there are none, the test says so and is skipped."""
    found = [pytest.param(each, id=each["file"].removesuffix(".txt")) for each in entries]
    return pytest.mark.parametrize("entry", found or [pytest.param({}, id="none", marks=missing(PROCESSORS))])


def of_amd(files: dict[str, Any]) -> pytest.MarkDecorator:
    """Parametrise over AMD's recorded machines with one fact of each."""
    found = [pytest.param(name, fact, id=name) for name, fact in files.items() if (AMD / name).exists()]
    none = [pytest.param("", None, id="none", marks=missing(AMD))]
    return pytest.mark.parametrize(("name", "fact"), found or none)


def replay(entry: dict[str, Any]) -> Cpu:
    """Detect the machine as if it ran this."""
    text = (PROCESSORS / entry["file"]).read_text()
    machine = MACHINES.get(entry["family"]) or other_machine(entry)
    if entry["family"].startswith("darwin"):
        return detect_cpu(FakeReader(system="Darwin", machine=machine, sysctl_text=text))
    return detect_cpu(FakeReader(machine=machine, files={"/proc/cpuinfo": text}))


def read(entry: dict[str, Any]) -> Cpu:
    """Read the machine from its file."""
    return read_captures([PROCESSORS / entry["file"]]).cpu


def other_machine(entry: dict[str, Any]) -> str:
    if "isa" in entry["ident"]:
        return "riscv64"
    return "s390x" if "S390" in entry["ident"].get("vendor", "") else "ppc64le"


def expected_name(entry: dict[str, Any]) -> str | None:
    if entry["file"] in NOT_TOLD:
        return None
    words: list[str] = entry["microarch"].replace("+", " ").replace("-", " ").split()
    return DIFFERENT_NAMES.get(entry["file"], words[0])


@each_of(RECORDED)
def test_a_recorded_machine_has_its_microarchitecture(entry: dict[str, Any]) -> None:
    assert expected_name(entry) == read(entry).microarchitecture


@each_of(CPUINFO)
def test_a_machine_that_runs_is_told_like_a_captured_one(entry: dict[str, Any]) -> None:
    running, captured = replay(entry), read(entry)
    told = ("vendor", "model_name", "microarchitecture", "features", "logical_cores", "physical_cores", "core_kinds")
    assert [getattr(running, name) for name in told] == [getattr(captured, name) for name in told]


@each_of([each for each in RECORDED if not each["family"].startswith("darwin") and each in CPUINFO])
def test_a_recorded_machine_has_its_features(entry: dict[str, Any]) -> None:
    listed = (X86 | ARM) - {"avx512dq", "avx_vnni_int8", "avx_ne_convert"}  # the recorded lists leave these out
    assert set(entry["features"]) & listed == set(read(entry).features) & listed


@each_of([each for each in RECORDED if "vendor" in each["ident"]])
def test_a_recorded_machine_has_its_vendor(entry: dict[str, Any]) -> None:
    assert entry["ident"]["vendor"] == read(entry).vendor


@each_of([each for each in RECORDED if "impl" in each["ident"]])
def test_a_recorded_arm_machine_has_its_vendor(entry: dict[str, Any]) -> None:
    implementers = re.findall(r"CPU implementer\s*: (0x\w+)", (PROCESSORS / entry["file"]).read_text())
    assert ARM_IMPLEMENTERS[int(implementers[0], 16)] == read(entry).vendor


@each_of([each for each in RECORDED if each["logical_cpus_in_file"] is not None])
def test_a_recorded_machine_has_its_cores(entry: dict[str, Any]) -> None:
    assert entry["logical_cpus_in_file"] == read(entry).logical_cores


@each_of(LSCPU)
def test_what_lscpu_shows_is_what_it_counted(entry: dict[str, Any]) -> None:
    shown = dict(line.split(":", 1) for line in (PROCESSORS / entry["file"]).read_text().splitlines() if ":" in line)
    counts = [int(shown[key]) for key in ("CPU(s)", "Thread(s) per core", "Core(s) per socket", "Socket(s)")]
    cpu = read(entry)
    assert (counts[0], counts[1], counts[2] * counts[3]) == (
        cpu.logical_cores,
        cpu.threads_per_core,
        cpu.physical_cores,
    )
    assert shown["Architecture"].strip() == cpu.architecture


@each_of(RECORDED)
def test_a_recorded_machine_has_a_profile_that_survives_json(entry: dict[str, Any]) -> None:
    profile = read_captures([PROCESSORS / entry["file"]])
    assert profile == HardwareProfile.model_validate_json(profile.model_dump_json())


def amd_devices(name: str) -> tuple[Accelerator, ...]:
    return read_captures([AMD / name]).accelerators


@of_amd(GFX)
def test_amds_recorded_machines_have_their_targets(name: str, fact: tuple[str, ...]) -> None:
    assert fact == tuple(each.gfx_target for each in amd_devices(name))
    assert {"AMD"} == {each.vendor for each in amd_devices(name)}
    assert all(each.architecture for each in amd_devices(name))


@of_amd(MEMORY)
def test_amds_recorded_machines_have_their_memory(name: str, fact: int) -> None:
    assert fact == amd_devices(name)[0].memory_total_bytes


@of_amd(CORES)
def test_amds_recorded_machines_have_their_compute_units(name: str, fact: int) -> None:
    assert fact == amd_devices(name)[0].cores


@of_amd(PARTITIONED)
def test_amds_recorded_machines_tell_partitions(name: str, fact: bool) -> None:  # noqa: FBT001
    assert fact == amd_devices(name)[0].partitioned


@pytest.mark.skipif(not AMD.exists(), reason=f"no recorded machines at {AMD}")
def test_every_recorded_machine_of_amd_is_read() -> None:
    files = {each.name for each in AMD.iterdir() if each.is_file()} - {"MANIFEST.md"}
    trees = {f"kfd/{each.name}" for each in (AMD / "kfd").iterdir()}
    assert set(GFX) == files | trees


@pytest.mark.skipif(not TPU.exists(), reason=f"no recorded machines at {TPU}")
@pytest.mark.parametrize(
    ("name", "chips", "architecture"),
    [
        ("tpu-env__torchxla-test-v4-16.yaml", 4, "tpu-v4"),
        ("tpu-env__torchxla-test-v5-placeholder.yaml", 4, "tpu-v5abcdefg"),
    ],
)
def test_a_recorded_tpu_host_has_its_chips(name: str, chips: int, architecture: str) -> None:
    found = read_captures([TPU / name]).accelerators
    assert (chips, {architecture}) == (len(found), {each.architecture for each in found})


@pytest.mark.skipif(not TPU.exists(), reason=f"no recorded machines at {TPU}")
@pytest.mark.parametrize("case", ["torchxla_all_vars_set", "torchxla_defaults_only"])
def test_recorded_variables_of_a_tpu_host_tell_its_chips(case: str, tmp_path: Path) -> None:
    variables = json.loads((TPU / "env_cases__torchxla.json").read_text())[case]["env"]
    file = tmp_path / "environment"
    file.write_text("".join(f"{name}={value}\n" for name, value in variables.items()))
    assert ["TPU v4"] * 2 == [each.name for each in read_captures([file]).accelerators]  # bounds of 2,1,1 a host
