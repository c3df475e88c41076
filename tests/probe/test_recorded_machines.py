"""Machines that others recorded, where they are at hand: shared material, not part of the repository."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from autoprec_probe import Cpu
from autoprec_probe.cpu import detect_cpu
from autoprec_probe.cpu_models import ARM_IMPLEMENTERS
from autoprec_probe.features import ARM, X86
from autoprec_probe.testing import FakeReader

FIXTURES = Path(__file__).parents[3] / "shared" / "hardware" / "fixtures" / "cpuinfo"

MACHINES = {"x86": "x86_64", "arm": "aarch64", "darwin-x86": "x86_64", "darwin-arm64": "arm64"}

DIFFERENT_NAMES = {
    "archspec__linux-rhel7-x86_64_v3.txt": "haswell",  # a Haswell with one flag hidden: its model still tells
    "archspec__linux-ubuntu24.04-alderlake.txt": "arrowlake_s",  # the label is the nearest that archspec then knew
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

LEFT_UNKNOWN = {"pycpuinfo__linux_fedora_5_s390x.txt"}
"""Not told yet: the machine types of s390x."""

LEFT_OUT = ("lscpu text", "CPUID leaves")
"""Kinds of captures that the probe does not read: lscpu's text, and CPUID leaves as Windows gives them."""


def recorded() -> list[dict[str, Any]]:
    truth = FIXTURES / "truth.json"
    entries: list[dict[str, Any]] = json.loads(truth.read_text()) if truth.exists() else []
    return [each for each in entries if not each["kind"].startswith(LEFT_OUT)]


RECORDED = recorded()


def each_of(entries: list[dict[str, Any]]) -> pytest.MarkDecorator:
    """Parametrise over recorded machines; where there are none, the test says so and is skipped."""
    missing = pytest.param({}, id="none", marks=pytest.mark.skip(reason=f"no recorded machines at {FIXTURES}"))
    found = [pytest.param(each, id=each["file"].removesuffix(".txt")) for each in entries]
    return pytest.mark.parametrize("entry", found or [missing])


def replay(entry: dict[str, Any]) -> Cpu:
    text = (FIXTURES / entry["file"]).read_text()
    machine = MACHINES.get(entry["family"]) or other_machine(entry)
    if entry["family"].startswith("darwin"):
        return detect_cpu(FakeReader(system="Darwin", machine=machine, sysctl_text=text))
    return detect_cpu(FakeReader(machine=machine, files={"/proc/cpuinfo": text}))


def other_machine(entry: dict[str, Any]) -> str:
    if "isa" in entry["ident"]:
        return "riscv64"
    return "s390x" if "S390" in entry["ident"].get("vendor", "") else "ppc64le"


def expected_name(entry: dict[str, Any]) -> str | None:
    if entry["file"] in LEFT_UNKNOWN:
        return None
    words: list[str] = entry["microarch"].replace("+", " ").replace("-", " ").split()
    return DIFFERENT_NAMES.get(entry["file"], words[0])


@each_of(RECORDED)
def test_a_recorded_machine_has_its_microarchitecture(entry: dict[str, Any]) -> None:
    assert expected_name(entry) == replay(entry).microarchitecture


@each_of([each for each in RECORDED if not each["family"].startswith("darwin")])
def test_a_recorded_linux_machine_has_its_features(entry: dict[str, Any]) -> None:
    recorded_features = set(entry["features"]) & (X86 | ARM)
    # The recorded lists leave this one out.
    assert recorded_features == set(replay(entry).features) - {"avx512dq"}


@each_of([each for each in RECORDED if "vendor" in each["ident"]])
def test_a_recorded_machine_has_its_vendor(entry: dict[str, Any]) -> None:
    assert entry["ident"]["vendor"] == replay(entry).vendor


@each_of([each for each in RECORDED if "impl" in each["ident"]])
def test_a_recorded_arm_machine_has_its_vendor(entry: dict[str, Any]) -> None:
    implementers = re.findall(r"CPU implementer\s*: (0x\w+)", (FIXTURES / entry["file"]).read_text())
    assert ARM_IMPLEMENTERS[int(implementers[0], 16)] == replay(entry).vendor


@each_of([each for each in RECORDED if each["logical_cpus_in_file"] is not None])
def test_a_recorded_machine_has_its_cores(entry: dict[str, Any]) -> None:
    assert entry["logical_cpus_in_file"] == replay(entry).logical_cores


@each_of(RECORDED)
def test_a_recorded_machine_has_a_profile_that_survives_json(entry: dict[str, Any]) -> None:
    cpu = replay(entry)
    assert cpu == Cpu.model_validate_json(cpu.model_dump_json())
