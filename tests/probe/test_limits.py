"""What control groups leave to a process: the tightest of its group and all ancestors."""

import pytest

from autoprec_probe.cpu import detect_cpu
from autoprec_probe.limits import cpu_quota, memory_limit_bytes
from autoprec_probe.testing import FakeReader

ROOT = "/sys/fs/cgroup"
UNIFIED = "30 23 0:26 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate\n"
POD = "/kubepods.slice/kubepods-pod1.slice/cri-1.scope"
PARENT = "/kubepods.slice/kubepods-pod1.slice"
V1_MOUNTS = (
    "33 31 0:30 /docker/abc /sys/fs/cgroup/cpu,cpuacct ro - cgroup cgroup rw,cpu,cpuacct\n"
    "35 31 0:32 /docker/abc /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory\n"
)


def machine(group: str, files: dict[str, str], mounts: str = UNIFIED, **facts: int) -> FakeReader:
    own = {"/proc/self/cgroup": group, "/proc/self/mountinfo": mounts}
    return FakeReader(files=own | files, usable_cores=facts.get("cores"))


@pytest.mark.parametrize(
    ("files", "quota"),
    [
        ({f"{POD}/cpu.max": "150000 100000\n"}, 1.5),
        ({f"{POD}/cpu.max": "max 100000\n"}, None),
        ({f"{POD}/cpu.max": "max 100000\n", f"{PARENT}/cpu.max": "400000 100000\n"}, 4.0),
        ({f"{POD}/cpu.max": "800000 100000\n", f"{PARENT}/cpu.max": "200000 100000\n"}, 2.0),
        ({f"{POD}/cpu.max": "200000 100000\n", f"{PARENT}/cpu.max": "800000 100000\n"}, 2.0),
        ({f"{POD}/cpu.max": "garbled\n"}, None),
        ({}, None),
    ],
)
def test_the_tightest_quota_counts(files: dict[str, str], quota: float | None) -> None:
    reader = machine(f"0::{POD}\n", {f"{ROOT}{path}": text for path, text in files.items()})
    assert quota == cpu_quota(reader)


@pytest.mark.parametrize(
    ("files", "limit"),
    [
        ({f"{POD}/memory.max": "2147483648\n"}, 2**31),
        ({f"{POD}/memory.max": "max\n", f"{PARENT}/memory.max": "4294967296\n"}, 2**32),
        ({f"{POD}/memory.max": "max\n"}, None),
    ],
)
def test_the_tightest_memory_counts(files: dict[str, str], limit: int | None) -> None:
    reader = machine(f"0::{POD}\n", {f"{ROOT}{path}": text for path, text in files.items()})
    assert limit == memory_limit_bytes(reader)


def test_a_container_sees_its_own_group_as_the_root() -> None:
    reader = machine("0::/\n", {f"{ROOT}/cpu.max": "50000 100000\n", f"{ROOT}/memory.max": "1048576\n"})
    assert (0.5, 2**20) == (cpu_quota(reader), memory_limit_bytes(reader))


def test_a_group_outside_of_what_is_mounted_is_cut_by_what_is_mounted() -> None:
    reader = machine("0::/../../other\n", {f"{ROOT}/cpu.max": "50000 100000\n"})
    assert 0.5 == cpu_quota(reader)


@pytest.mark.parametrize(("quota", "cores"), [("-1", None), ("250000", 2.5)])
def test_version_1_tells_quota_and_period_in_two_files(quota: str, cores: float | None) -> None:
    folder = f"{ROOT}/cpu,cpuacct"
    files = {f"{folder}/cpu.cfs_quota_us": f"{quota}\n", f"{folder}/cpu.cfs_period_us": "100000\n"}
    assert cores == cpu_quota(machine("4:cpu,cpuacct:/docker/abc\n", files, V1_MOUNTS))


@pytest.mark.parametrize(("limit", "expected"), [("9223372036854771712", None), ("536870912", 2**29)])
def test_version_1_spells_no_limit_as_a_huge_one(limit: str, expected: int | None) -> None:
    files = {f"{ROOT}/memory/memory.limit_in_bytes": f"{limit}\n"}
    assert expected == memory_limit_bytes(machine("9:memory:/docker/abc\n", files, V1_MOUNTS))


def test_ancestors_count_in_version_1_too() -> None:
    mounts = "35 31 0:32 / /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory\n"
    files = {
        f"{ROOT}/memory/slice/job/memory.limit_in_bytes": "4096\n",
        f"{ROOT}/memory/slice/memory.limit_in_bytes": "1024\n",
    }
    assert 1024 == memory_limit_bytes(machine("9:memory:/slice/job\n", files, mounts))


def test_where_mounts_are_hidden_the_usual_places_are_read() -> None:
    reader = FakeReader(files={"/proc/self/cgroup": "0::/a\n", f"{ROOT}/a/cpu.max": "100000 100000\n"})
    assert 1.0 == cpu_quota(reader)


def test_a_quota_cuts_the_usable_cores_rounded_up() -> None:
    cpu = detect_cpu(machine("0::/\n", {f"{ROOT}/cpu.max": "250000 100000\n"}, cores=64))
    assert (3, 2.5) == (cpu.usable_cores, cpu.cpu_quota)


def test_a_quota_above_affinity_limits_nothing() -> None:
    cpu = detect_cpu(machine("0::/\n", {f"{ROOT}/cpu.max": "800000 100000\n"}, cores=4))
    assert (4, None) == (cpu.usable_cores, cpu.cpu_quota)


def test_a_memory_limit_above_the_memory_limits_nothing() -> None:
    files = {f"{ROOT}/memory.max": str(2**40), "/proc/meminfo": "MemTotal: 1024 kB\n"}
    assert detect_cpu(machine("0::/\n", files)).memory_limit_bytes is None


def test_a_machine_without_control_groups_has_no_limits() -> None:
    assert (None, None) == (cpu_quota(FakeReader()), memory_limit_bytes(FakeReader()))
