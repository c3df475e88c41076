"""Machines told by what NVIDIA's tools print, in the layouts of several drivers."""

import re
import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autoprec_probe import Accelerator
from autoprec_probe.captures import device_query, nvidia_smi_csv, nvidia_smi_query, nvidia_smi_table, nvidia_smi_xml
from autoprec_probe.captures.capture import Capture, Format
from autoprec_probe.errors import CaptureError
from autoprec_probe.profile import Slice

CAPTURES = Path(__file__).parent / "captures"
FORMATS = (
    nvidia_smi_query.FORMAT,
    nvidia_smi_xml.FORMAT,
    nvidia_smi_table.FORMAT,
    nvidia_smi_csv.FORMAT,
    device_query.FORMAT,
)
MIB = 2**20

QUERY = "nvidia_smi_q_a100_mig.txt"
OLD_QUERY = "nvidia_smi_q_k80_old_driver.txt"
NEWER_QUERY = "nvidia_smi_q_newer_driver_windows.txt"
GUEST_QUERY = "nvidia_smi_q_h200.txt"
GUEST_XML = "nvidia_smi_qx_h200.xml"
XML = "nvidia_smi_qx_h100_mig.xml"
TABLE = "nvidia_smi_table_mixed.txt"
CSV = "nvidia_smi_query_gpu.csv"
DEVICE_QUERY = "device_query_mig.txt"
ALL = {
    QUERY: "nvidia-smi -q",
    OLD_QUERY: "nvidia-smi -q",
    NEWER_QUERY: "nvidia-smi -q",
    GUEST_QUERY: "nvidia-smi -q",
    GUEST_XML: "nvidia-smi -q -x",
    XML: "nvidia-smi -q -x",
    TABLE: "nvidia-smi",
    CSV: "nvidia-smi --query-gpu=... --format=csv",
    DEVICE_QUERY: "deviceQuery",
}


def text_of(name: str) -> str:
    return (CAPTURES / name).read_text()


def parse(text: str) -> Capture:
    (found,) = [each for each in FORMATS if each.recognizes(text)]
    return found.parse(text)


def devices(name: str) -> tuple[Accelerator, ...]:
    return parse(text_of(name)).accelerators


@pytest.mark.parametrize("name", ALL)
def test_a_capture_is_recognized_by_its_format_alone(name: str) -> None:
    assert [ALL[name]] == [each.name for each in FORMATS if each.recognizes(text_of(name))]


OTHERS = sorted((Path(__file__).parent / "machines").glob("*.toml"))
ALIKE = {"hl_smi_csv_gaudi3"}
"""Gaudi's tool names its columns as nvidia-smi does, so that its format is asked before."""


@pytest.mark.parametrize("machine", [each for each in OTHERS if each.stem not in ALIKE], ids=lambda each: each.stem)
def test_other_captures_are_not_recognized(machine: Path) -> None:
    for capture in tomllib.loads(machine.read_text())["captures"]:
        assert [] == [each.name for each in FORMATS if each.recognizes(capture["text"])]


@pytest.mark.parametrize("text", ["", "\n", ",", "name", "name, age\nA, 1\n", "<xml/>", "\x00\xff"])
def test_a_text_of_something_else_is_not_recognized(text: str) -> None:
    assert [] == [each.name for each in FORMATS if each.recognizes(text)]


@pytest.mark.parametrize(
    ("name", "software", "system"),
    [
        (QUERY, {"nvidia_driver": "535.154.05", "cuda_driver": "12.2"}, None),
        (OLD_QUERY, {"nvidia_driver": "375.26", "cuda_driver": None}, None),
        (NEWER_QUERY, {"nvidia_driver": "615.10", "cuda_driver": "13.4"}, "Windows"),
        (XML, {"nvidia_driver": "550.90.07", "cuda_driver": "12.4"}, None),
        (GUEST_QUERY, {"nvidia_driver": "580.159.04", "cuda_driver": "13.0"}, None),
        (GUEST_XML, {"nvidia_driver": "580.159.04", "cuda_driver": "13.0"}, None),
        (TABLE, {"nvidia_driver": "470.103.01", "cuda_driver": "11.4"}, None),
        (CSV, {"nvidia_driver": "570.86.15"}, None),
        (DEVICE_QUERY, {"cuda_driver": "12.2"}, None),
    ],
)
def test_driver_and_system_are_told(name: str, software: dict[str, str | None], system: str | None) -> None:
    capture = parse(text_of(name))
    assert (software, system) == (capture.software, capture.system)


@pytest.mark.parametrize("name", [GUEST_QUERY, GUEST_XML])
def test_a_gpu_that_is_passed_through_to_a_virtual_machine_is_read(name: str) -> None:
    expected = Accelerator(
        kind="cuda",
        index=0,
        vendor="NVIDIA",
        name="NVIDIA H200",
        uuid="GPU-00000000-0000-0000-0000-000000000001",
        architecture="hopper",
        memory_total_bytes=143771 * MIB,
        memory_free_bytes=143156 * MIB,
        partitioned=False,
        power_limit_watts=700.0,
        pcie_generation=5,
        pcie_width=16,
    )
    assert (expected,) == devices(name)


def test_every_field_of_the_query_is_read() -> None:
    expected = Accelerator(
        kind="cuda",
        index=1,
        vendor="NVIDIA",
        name="NVIDIA A100-SXM4-40GB",
        uuid="GPU-00000000-0000-0000-0000-000000000002",
        architecture="ampere",
        memory_total_bytes=40960 * MIB,
        memory_free_bytes=40358 * MIB,
        partitioned=False,
        power_limit_watts=400.0,
        pcie_generation=4,
        pcie_width=16,
    )
    assert expected == devices(QUERY)[1]


def test_every_field_of_the_xml_is_read() -> None:
    expected = Accelerator(
        kind="cuda",
        index=1,
        vendor="NVIDIA",
        name="NVIDIA H100 80GB HBM3",
        uuid="GPU-00000000-0000-0000-0000-000000000032",
        architecture="hopper",
        memory_total_bytes=81559 * MIB,
        memory_free_bytes=80922 * MIB,
        partitioned=False,
        power_limit_watts=650.0,
        pcie_generation=5,
        pcie_width=16,
    )
    assert expected == devices(XML)[1]


def test_every_field_of_the_comma_separated_table_is_read() -> None:
    expected = Accelerator(
        kind="cuda",
        index=1,
        vendor="NVIDIA",
        name="NVIDIA H100 NVL",
        uuid="GPU-00000000-0000-0000-0000-000000000042",
        architecture="hopper",
        compute_capability=(9, 0),
        memory_total_bytes=95830 * MIB,
        memory_free_bytes=95319 * MIB,
        partitioned=False,
        power_limit_watts=400.0,
        pcie_generation=5,
        pcie_width=16,
    )
    assert expected == devices(CSV)[1]


def test_units_may_stand_in_the_header_alone() -> None:
    assert devices(CSV) == parse(text_of(CSV).replace(" MiB", "").replace(" W", "")).accelerators


def test_every_field_of_device_query_is_read() -> None:
    expected = Accelerator(
        kind="cuda",
        index=1,
        vendor="NVIDIA",
        name="Tesla P40",
        architecture="pascal",
        compute_capability=(6, 1),
        memory_total_bytes=24_032_378_880,
        partitioned=False,
        cores=30,
    )
    assert expected == devices(DEVICE_QUERY)[1]


@pytest.mark.parametrize(
    ("name", "whole", "slices"),
    [(QUERY, 40960, [20096, 9984, 4864]), (XML, 81559, [40448, 9984]), (TABLE, 40536, [20096, 4864])],
)
def test_a_partitioned_device_has_its_whole_memory_and_slices_have_theirs(
    name: str,
    whole: int,
    slices: list[int],
) -> None:
    first = devices(name)[0]
    expected = tuple(Slice(memory_total_bytes=each * MIB) for each in slices)
    assert (True, whole * MIB, expected) == (first.partitioned, first.memory_total_bytes, first.slices)


def test_a_slice_in_device_query_is_told_from_its_device() -> None:
    cut = devices(DEVICE_QUERY)[0]
    expected = (Slice(name="1g.5gb", memory_total_bytes=5_100_273_664),)
    assert ("NVIDIA A100-SXM4-40GB", True, None, expected) == (
        cut.name,
        cut.partitioned,
        cut.memory_total_bytes,
        cut.slices,
    )


def test_memory_that_slices_share_is_theirs() -> None:
    text = re.sub("^        FB Memory", "        Shared FB Memory", text_of(QUERY), flags=re.MULTILINE)
    assert devices(QUERY) == parse(text).accelerators


def test_an_old_driver_tells_less() -> None:
    k80 = devices(OLD_QUERY)[0]
    assert ("Tesla K80", None, None, 11439 * MIB) == (
        k80.name,
        k80.architecture,
        k80.partitioned,
        k80.memory_total_bytes,
    )
    assert (149.0, 3, 16) == (k80.power_limit_watts, k80.pcie_generation, k80.pcie_width)


def test_sections_that_nobody_knows_are_passed_over() -> None:
    (gpu,) = devices(NEWER_QUERY)
    assert ("NVIDIA GeForce RTX 5070 Ti", "blackwell", 16303 * MIB) == (
        gpu.name,
        gpu.architecture,
        gpu.memory_total_bytes,
    )
    assert (280.0, 5, 16) == (gpu.power_limit_watts, gpu.pcie_generation, gpu.pcie_width)


def test_elements_that_nobody_knows_are_passed_over() -> None:
    text = text_of(XML).replace("<driver_model>", "<novelty><fb_memory_usage/></novelty><driver_model>")
    assert devices(XML) == parse(text).accelerators


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("change", [("\n", "\r\n"), ("\n", "\n\n")], ids=["of Windows", "doubled"])
def test_other_ends_of_lines_change_nothing(name: str, change: tuple[str, str]) -> None:
    assert parse(text_of(name)) == parse(text_of(name).replace(*change))


@pytest.mark.parametrize("name", ALL)
def test_a_byte_order_mark_changes_nothing(name: str) -> None:
    assert parse(text_of(name)) == parse("\ufeff" + text_of(name))


def test_a_name_that_the_table_cuts_off_is_unknown() -> None:
    assert ["A100-SXM4-40GB", None, None] == [each.name for each in devices(TABLE)]


@pytest.mark.parametrize("layout", ["table", "query"])
def test_a_device_that_did_not_answer_is_an_entry_with_its_error(layout: str) -> None:
    lost = "Product Name                      : GPU is lost"
    query = text_of(QUERY).replace("Product Name                      : NVIDIA A100-SXM4-40GB", lost, 1)
    (index, found) = (2, devices(TABLE)) if layout == "table" else (0, parse(query).accelerators)
    assert [index] == [each.index for each in found if each.error is not None]
    assert found[index].name is None


def test_a_device_without_a_handle_is_an_entry_with_its_error() -> None:
    said = "Unable to determine the device handle for GPU0000:10:00.0: GPU is lost.  Reboot the system.\n"
    *others, lost = parse(
        text_of(QUERY).replace("Attached GPUs                         : 2", "Attached GPUs : 3") + said
    ).accelerators
    assert devices(QUERY) == tuple(others)
    assert (2, said.strip()) == (lost.index, lost.error)


@pytest.mark.parametrize(
    "said",
    [
        "NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver.",
        "Failed to initialize NVML: Driver/library version mismatch\nNVML library version: 550.90",
        "No devices were found",
        "Unable to determine the device handle for GPU0000:01:00.0: Unknown Error",
    ],
)
def test_a_tool_that_failed_is_quoted(said: str) -> None:
    with pytest.raises(CaptureError, match=re.escape(said.splitlines()[0])):
        parse(said)


def test_a_failed_device_query_is_quoted() -> None:
    said = "no CUDA-capable device is detected"
    with pytest.raises(CaptureError, match=said):
        parse(f" CUDA Device Query (Runtime API)\n\ncudaGetDeviceCount returned 100\n-> {said}\nResult = FAIL\n")


@pytest.mark.parametrize("name", [QUERY, OLD_QUERY, XML, TABLE, DEVICE_QUERY])
def test_every_line_that_is_missing_at_the_end_is_noticed_or_makes_no_difference(name: str) -> None:
    whole, lines = parse(text_of(name)), text_of(name).splitlines(keepends=True)
    for count in range(1, len(lines)):
        text = "".join(lines[:count])
        if any(each.recognizes(text) for each in FORMATS) and not ends_with_a_box(text):
            assert parsed_or_truncated(text) in {whole.accelerators, "truncated"}


def ends_with_a_box(text: str) -> bool:
    """A table does not say how many devices and boxes it has: one that ends with a box passes for whole."""
    return text.lstrip().startswith(("+-", "Thu ")) and text.rstrip().endswith("+")


def parsed_or_truncated(text: str) -> tuple[Accelerator, ...] | str:
    try:
        return parse(text).accelerators
    except CaptureError as error:
        return "truncated" if "truncated" in str(error) else str(error)


@pytest.mark.parametrize(
    ("name", "cut", "where"),
    [
        (QUERY, "GPU 00000000:0F:00.0", "after GPU 1 of 2"),
        (QUERY, "    Module Power", "within GPU 1 of 2"),
        (XML, '<gpu id="00000000:2A:00.0">', "after GPU 1 of 2"),
        (TABLE, "| 30%", "within GPU 1"),
        (DEVICE_QUERY, "Device 1", "after GPU 1 of 2"),
        (DEVICE_QUERY, "deviceQuery, CUDA Driver", "after GPU 2 of 2, before its result"),
        (CSV, ", 95830 MiB", r"within line 3, which has 5 of 12 columns"),
        (CSV, "0, NVIDIA", "after its header"),
    ],
)
def test_a_truncated_capture_says_where_it_ends(name: str, cut: str, where: str) -> None:
    text = text_of(name)
    with pytest.raises(CaptureError, match=f"truncated {where}.*capture it anew"):
        parse(text[: text.index(cut)])


def test_a_query_without_its_beginning_is_refused() -> None:
    text = text_of(QUERY)
    with pytest.raises(CaptureError, match="truncated at the line 'Attached GPUs'"):
        parse(text[text.index("GPU 00000000:07") :])


def test_a_garbled_query_says_what_is_missing() -> None:
    lines = [line for line in text_of(OLD_QUERY).splitlines() if "Product" not in line]
    with pytest.raises(CaptureError, match="garbled: GPU 1 of 2 has no 'Product Name'"):
        parse("\n".join(lines))


def test_a_filtered_query_is_refused() -> None:
    text = text_of(OLD_QUERY)
    filtered = re.sub(
        "    Product Name.*?    FB Memory", "    FB Memory", text.replace("Processes", "Tasks"), flags=re.DOTALL
    )
    with pytest.raises(CaptureError, match="truncated within GPU 1 of 2: capture it anew, without filters"):
        parse(filtered)


def test_two_queries_in_one_file_are_refused() -> None:
    with pytest.raises(CaptureError, match=r"announces 2 GPU\(s\) and holds 4: give one file for each"):
        parse(text_of(QUERY) + text_of(QUERY))


def test_a_staircase_of_garbage_is_refused_like_any_other() -> None:
    staircase = "".join(" " * depth + "step\n" for depth in range(2000))
    with pytest.raises(CaptureError, match="truncated"):
        parse(text_of(QUERY).replace(": None", "") + staircase)


def test_garbled_xml_says_where() -> None:
    with pytest.raises(CaptureError, match="garbled: mismatched tag: line 7"):
        parse(text_of(XML).replace("</attached_gpus>", "</attached_gpu>"))


@pytest.mark.parametrize(
    "declaration",
    ['<!ENTITY a "b">', '<!ENTITY a SYSTEM "file:///etc/passwd">', '<!ENTITY % a SYSTEM "http://localhost:1/a.dtd">'],
)
def test_xml_that_declares_entities_is_refused(declaration: str) -> None:
    text = text_of(XML).replace('"nvsmi_device_v12.dtd"', f'"nvsmi_device_v12.dtd" [{declaration}]')
    with pytest.raises(CaptureError, match="declares entities"):
        parse(text)


@given(
    name=st.sampled_from(list(ALL)),
    cuts=st.lists(st.tuples(st.integers(0, 9000), st.integers(0, 300), st.text(max_size=8)), min_size=1, max_size=3),
)
def test_a_garbled_capture_is_parsed_or_refused(name: str, cuts: list[tuple[int, int, str]]) -> None:
    text = text_of(name)
    for start, length, instead in cuts:
        text = text[:start] + instead + text[start + length :]
    for each in FORMATS:
        if each.recognizes(text):
            assert parsed_or_refused(each, text) in {Capture, CaptureError}


def parsed_or_refused(layout: Format, text: str) -> type:
    try:
        return type(layout.parse(text))
    except CaptureError as error:
        return type(error)
