"""The probe on the machine that runs the tests."""

import os
import platform
import shutil
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from autoprec_probe import HardwareProfile, HostReader, ReaderError, probe
from autoprec_probe.captures.reading import read_captures
from autoprec_probe.features import X86


def lscpu() -> dict[str, str]:
    if shutil.which("lscpu") is None:
        pytest.skip("needs lscpu")
    answer = subprocess.run(["lscpu"], check=True, capture_output=True, text=True, env={**os.environ, "LC_ALL": "C"})  # noqa: S607
    return {
        key.strip(): value.strip() for key, _, value in (line.partition(":") for line in answer.stdout.splitlines())
    }


@pytest.mark.skipif(platform.machine() != "x86_64", reason="lscpu spells other architectures differently")
def test_the_processor_is_the_one_that_lscpu_shows() -> None:
    cpu, shown = probe().cpu, lscpu()
    expected = (
        shown["Architecture"],
        shown["Vendor ID"],
        shown["Model name"],
        int(shown["CPU(s)"]),
        int(shown["Core(s) per socket"]) * int(shown["Socket(s)"]),
        int(shown["Thread(s) per core"]),
        int(shown["NUMA node(s)"]) if "NUMA node(s)" in shown else None,
        "Hypervisor vendor" in shown,
        tuple(sorted(X86.intersection(shown["Flags"].split()))),
    )
    actual = (
        cpu.architecture,
        cpu.vendor,
        cpu.model_name,
        cpu.logical_cores,
        cpu.physical_cores,
        cpu.threads_per_core,
        cpu.numa_nodes,
        cpu.hypervisor,
        cpu.features,
    )
    assert expected == actual


@pytest.mark.skipif(platform.machine() != "x86_64", reason="lscpu spells other architectures differently")
def test_what_lscpu_prints_here_reads_as_the_processor_that_is_here(tmp_path: Path) -> None:
    lscpu()  # skips where it is not installed
    printed = subprocess.run(["lscpu"], check=True, capture_output=True, text=True, env={**os.environ, "LC_ALL": "C"})  # noqa: S607
    (tmp_path / "lscpu.txt").write_text(printed.stdout)
    read, here = read_captures([tmp_path / "lscpu.txt"]).cpu, probe().cpu
    told = ("vendor", "model_name", "microarchitecture", "features", "logical_cores", "physical_cores", "numa_nodes")
    assert [getattr(here, name) for name in told] == [getattr(read, name) for name in told]


@pytest.mark.skipif(not Path("/proc/cpuinfo").exists(), reason="needs /proc/cpuinfo")
def test_this_machines_own_files_read_as_the_machine_that_is_here() -> None:
    read, here = read_captures(["/proc/cpuinfo", "/proc/meminfo"]).cpu, probe().cpu
    told = (
        "architecture",
        "vendor",
        "model_name",
        "microarchitecture",
        "features",
        "logical_cores",
        "memory_total_bytes",
    )
    assert [getattr(here, name) for name in told] == [getattr(read, name) for name in told]


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="needs affinity")
def test_usable_cores_follow_affinity() -> None:
    before = os.sched_getaffinity(0)
    try:
        os.sched_setaffinity(0, {min(before)})
        assert 1 == probe().cpu.usable_cores
    finally:
        os.sched_setaffinity(0, before)


def test_versions_are_those_installed() -> None:
    software = probe().software
    assert (platform.python_version(), version("numpy")) == (software.python, software.packages["numpy"])


def test_a_profile_survives_json() -> None:
    profile = probe()
    assert profile == HardwareProfile.model_validate_json(profile.model_dump_json())


def test_probing_twice_gives_the_same_key() -> None:
    assert probe().key == probe().key


def test_probing_imports_nothing_heavy() -> None:
    code = (
        "import sys, autoprec_probe as p; profile = p.probe(); profile.key; p.precision_table(profile); "
        "print([each for each in ('torch', 'numpy', 'psutil', 'rich', 'sqlalchemy') if each in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert "[]" == done.stdout.strip()


def test_a_file_that_is_not_there_is_none() -> None:
    assert HostReader().read_text("/proc/no-such-file") is None


@pytest.mark.skipif(platform.system() == "Windows", reason="a folder raises a permission error there")
def test_a_path_that_cannot_be_read_is_an_error_that_names_it() -> None:
    with pytest.raises(ReaderError, match=r"Cannot read /: .*directory"):
        HostReader().read_text("/")


@pytest.mark.skipif(platform.system() == "Darwin", reason="is a Mac")
def test_sysctl_is_asked_on_macs_only() -> None:
    assert HostReader().sysctl() is None
