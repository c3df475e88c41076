"""Cutting /proc/cpuinfo into processors."""

from hypothesis import given
from hypothesis import strategies as st

from autoprec_probe.cpu import detect_cpu
from autoprec_probe.cpuinfo import CpuInfo
from autoprec_probe.testing import FakeReader
from autoprec_probe.topology import parse_cpu_list

TWO_CORES = """processor : 0
model name : A
flags : fma avx2
core id : 0

processor : 1
model name : A
flags : avx2
core id : 1
"""


def test_every_processor_is_a_block() -> None:
    assert 2 == CpuInfo.parse(TWO_CORES).processors


def test_words_in_common_are_those_of_every_processor() -> None:
    assert frozenset({"avx2"}) == CpuInfo.parse(TWO_CORES).common_words("flags")


def test_distinct_values_keep_their_order() -> None:
    assert (("A", "0"), ("A", "1")) == CpuInfo.parse(TWO_CORES).distinct("model name", "core id")


def test_what_is_said_once_after_all_processors_counts_for_all() -> None:
    old_arm = "processor : 0\n\nprocessor : 1\n\nFeatures : asimd bf16\n"
    assert frozenset({"asimd", "bf16"}) == CpuInfo.parse(old_arm).common_words("Features")


def test_the_arm_headline_is_not_a_processor() -> None:
    assert 1 == CpuInfo.parse("Processor : AArch64 rev 1\nprocessor : 0\nFeatures : asimd\n").processors


def test_an_empty_text_says_nothing() -> None:
    empty = CpuInfo.parse("")
    assert (None, None, frozenset()) == (empty.processors, empty.first("flags"), empty.common_words("flags"))


def test_a_kernel_list_of_processors_is_expanded() -> None:
    assert (0, 1, 2, 3, 8, 10, 11) == parse_cpu_list("0-3,8,10-11\n")


_KEYS = st.sampled_from(["processor", "vendor_id", "cpu family", "model", "flags", "Features", "CPU part", "cpu", "#"])
_LINES = st.builds("{} : {}".format, _KEYS, st.text(max_size=12)) | st.text(max_size=20)


@given(
    lines=st.lists(_LINES, max_size=12),
    machine=st.sampled_from(["x86_64", "aarch64", "armv7l", "ppc64le", "s390x", "riscv64", "loongarch64", ""]),
)
def test_no_text_makes_detection_fail(lines: list[str], machine: str) -> None:
    cpu = detect_cpu(FakeReader(machine=machine, files={"/proc/cpuinfo": "\n".join(lines)}))
    assert machine == cpu.architecture
