"""Files that cannot be read, that break off, or that are not of one machine."""

import tomllib
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from autoprec_probe import ProbeError
from autoprec_probe.captures.formats import FORMATS
from autoprec_probe.captures.reading import read_captures
from autoprec_probe.errors import CaptureError

MACHINES = Path(__file__).parent / "machines"
Write = Callable[..., list[Path]]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write texts as files of their own."""

    def write(*texts: str) -> list[Path]:
        files = [tmp_path / f"{place}.txt" for place in range(len(texts))]
        for file, text in zip(files, texts, strict=True):
            file.write_text(text)
        return files

    return write


def text_of(name: str) -> str:
    text: str = tomllib.loads((MACHINES / f"{name}.toml").read_text())["captures"][0]["text"]
    return text.lstrip("\n")


def before(text: str, mark: str) -> str:
    """Return what stands before a mark, which must be there."""
    assert mark in text
    return text.partition(mark)[0]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is empty"),
        ("\n \n", "is empty"),
        ("Hello, world\n", "in no known format. What can be read: autoprec probe --json, .*/proc/cpuinfo"),
        ('{"some": "JSON"}', "in no known format"),
        ("processor : 0\x00\x01\n", "2 control characters"),
    ],
)
def test_what_is_no_capture_is_refused_with_what_can_be_read(write: Write, text: str, message: str) -> None:
    with pytest.raises(CaptureError, match=message):
        read_captures(write(text))


def test_what_is_no_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "image").write_bytes(b"\x89PNG\xff\xd8\xff")
    with pytest.raises(CaptureError, match="no text in utf-8"):
        read_captures([tmp_path / "image"])


def test_a_file_that_is_not_there_is_an_error_that_names_it(tmp_path: Path) -> None:
    with pytest.raises(CaptureError, match=r"Cannot read .*nothing\.txt: No such file"):
        read_captures([tmp_path / "nothing.txt"])


def test_no_file_at_all_is_an_error_that_lists_the_formats() -> None:
    with pytest.raises(ProbeError, match=r"Name at least one file: .*rocminfo"):
        read_captures([])


TRUNCATED = {
    "the flags of the last processor": before(text_of("sapphirerapids_xeon"), " avx512_fp16"),
    "a second processor without its flags": text_of("graniterapids_d") + "\nprocessor : 1\nvendor_id : GenuineIntel\n",
    "a first processor alone": "processor\t: 0\nvendor_id\t: GenuineIntel\ncpu family\t: 6\n",
    "an ARM processor without its part": before(text_of("neoverse_n3_server"), "CPU variant"),
    "a mainframe without its type": before(text_of("z16_lpar"), "processor 0"),
    "a POWER processor": "processor\t: 0\n",
    "JSON of rocm-smi": before(text_of("rocm_smi_mi250x"), '"Card Model"'),
    "JSON of amd-smi": before(text_of("amd_smi_mi355x"), '"limit"'),
    "JSON of xpu-smi": before(text_of("xpu_smi_max1100"), '"uuid"'),
    "JSON of amdgpu_top": before(text_of("amdgpu_top_780m"), '"Power Cap"'),
    "JSON of lscpu": before(text_of("lscpu_json_z15"), '"Machine type:"'),
    "JSON of autoprec": before(text_of("profile_of_autoprec"), '"measured"'),
    "a table of rocm-smi": before(text_of("rocm_smi_table_cpx"), "1       3"),
    "lines of rocm-smi": before(text_of("rocm_smi_lines"), "GPU[0]\t\t: GFX"),
    "rocminfo": before(text_of("rocminfo_w7900"), "Agent 2"),
    "a device query": before(text_of("hip_device_query_mi210"), "hipSetDevice(1)"),
    "a device query within a device": before(text_of("hip_info_mi100"), "gcnArchName") + "gcnArchName: \n",
    "a CSV of rocprof-compute": before(text_of("rocprof_sysinfo_mi210"), "gfx90a,104"),
    "a CSV of rocprof-compute without values": before(text_of("rocprof_sysinfo_mi210"), "vcopy"),
    "a topology": before(text_of("kfd_mi325x_dpx"), "max_engine_clk_ccompute"),
    "TPU metadata": "ACCELERATOR_TYPE: 'v4-8'\nZONE: 'us-cen",
    "a CSV of hl-smi": before(text_of("hl_smi_csv_gaudi3"), ", 131072 MiB\n1"),
    "a table of hl-smi": before(text_of("hl_smi_table_gaudi2"), "768MiB"),
    "lscpu": before(text_of("lscpu_xeon_max"), " avx512_fp16"),
    "lscpu within a name": before(text_of("lscpu_xeon_max"), "(s) list:"),
    "sysctl": before(text_of("macos_m5_max"), "machdep.cpu.brand_string").replace("hw.optional.arm", "hw.other"),
    "sysctl within a line": before(text_of("macos_m5_max"), ": Apple M5"),
    "CPUID leaves": text_of("cpuid_zen5_windows").splitlines()[0] + "\n",
}
GARBLED = {
    "a family that is no number": text_of("zen4_epyc").replace("cpu family\t: 25", "cpu family\t: ??"),
    "a maker that is no number": text_of("neoverse_n3_server").replace("0x41", "????"),
    "an accelerator type that is none": "ACCELERATOR_TYPE: '????'\n",
    "a device of autoprec's that is none": text_of("profile_of_autoprec").replace('"cuda"', '"quantum"'),
    "amd-smi": '{"gpu_data": [1, 2]}',
    "rocm-smi": '{"card0": {}, "card1": []}',
    "xpu-smi": '{"device_list": [7]}',
    "an empty topology of devices": '{"gpu_data": []}',
}


@pytest.mark.parametrize("text", [*TRUNCATED.values(), *GARBLED.values()], ids=[*TRUNCATED, *GARBLED])
def test_what_breaks_off_or_is_garbled_is_an_error_that_names_the_file(write: Write, text: str) -> None:
    files = write(text)
    with pytest.raises(CaptureError, match=r"0\.txt.*(truncated|garbled|no device|no text)") as raised:
        read_captures(files)
    assert str(raised.value).endswith(".")


@pytest.mark.parametrize("name", sorted(each.stem for each in MACHINES.glob("*.toml")))
def test_no_text_cut_short_is_anything_but_read_or_refused(write: Write, name: str) -> None:
    text = text_of(name)
    for length in range(1, len(text), max(1, len(text) // 40)):
        with suppress(CaptureError):
            read_captures(write(text[:length]))


def test_several_files_of_one_machine_add_up(write: Write) -> None:
    profile = read_captures(
        write(text_of("zen4_epyc"), "MemTotal: 1048576 kB\n", text_of("amd_smi_mi355x"), "MemTotal: 1048576 kB\n"),
    )
    assert ("zen4", 2**30) == (profile.cpu.microarchitecture, profile.cpu.memory_total_bytes)
    assert (2, "amd-instinct-mi355x") == (len(profile.accelerators), profile.key)


def test_a_processor_and_nvidias_devices_add_up(write: Write) -> None:
    nvidia = (Path(__file__).parent / "captures" / "nvidia_smi_q_a100_mig.txt").read_text()
    profile = read_captures(write(text_of("zen4_epyc"), nvidia))
    first = profile.accelerators[0]
    assert ("zen4", "NVIDIA", (8, 0)) == (profile.cpu.microarchitecture, first.vendor, first.compute_capability)


def test_two_tools_that_tell_of_one_device_add_up(write: Write) -> None:
    told = read_captures(write(text_of("rocm_smi_table_cpx"), text_of("amd_smi_bare_list").replace("a5", "a1")))
    first = told.accelerators[0]
    assert (38, 750.0, True, 2) == (first.cores, first.power_limit_watts, first.partitioned, len(told.accelerators))


def test_memory_that_tools_round_differently_is_no_contradiction(write: Write) -> None:
    lines = text_of("rocm_smi_lines")
    assert 25753026560 == (
        read_captures(write(lines, lines.replace("25753026560", "25700000000"))).accelerators[0].memory_total_bytes
    )


@pytest.mark.parametrize(
    ("first", "second", "what"),
    [
        ("zen4_epyc", "haswell_xeon", "cpu.vendor"),
        ("zen4_epyc", "zen2_epyc", "cpu.model_name"),
        ("zen4_epyc", "neoverse_n3_server", "cpu.architecture"),
        ("zen4_epyc", "macos_m3", "system"),
        ("rocm_smi_lines", "amd_smi_mi355x", "AMD device 0, name"),
        ("kfd_mi325x_dpx", "rocm_smi_table_cpx", "AMD device 0, name"),
        ("tpu_env_v5e", "tpu_type_alone", "Google device 0, name"),
    ],
)
def test_files_of_two_machines_are_an_error_that_names_both(write: Write, first: str, second: str, what: str) -> None:
    with pytest.raises(CaptureError, match=rf"0\.txt and .*1\.txt are not of one machine: for {what}, "):
        read_captures(write(text_of(first), text_of(second)))


def test_a_folder_is_read_as_a_topology(tmp_path: Path) -> None:
    for number, text in enumerate(
        ("simd_count 0\nmax_engine_clk_ccompute 1\n", "simd_count 8\nmax_engine_clk_ccompute 1\n")
    ):
        folder = tmp_path / "topology" / "nodes" / str(number)
        (folder / "mem_banks" / "0").mkdir(parents=True)
        (folder / "properties").write_text(text)
        (folder / "mem_banks" / "0" / "properties").write_text("heap_type 1\nsize_in_bytes 1024\n")
    for root in (tmp_path / "topology", tmp_path / "topology" / "nodes"):
        (device,) = read_captures([root]).accelerators
        assert (8, 1024) == (device.cores, device.memory_total_bytes)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-8-sig"])
def test_what_powershell_wrote_is_read(tmp_path: Path, encoding: str) -> None:
    file = tmp_path / "leaves.txt"
    file.write_text(text_of("cpuid_zen5_windows"), encoding=encoding)
    assert "zen5" == read_captures([file]).cpu.microarchitecture


def test_carriage_returns_do_not_matter(tmp_path: Path) -> None:
    file = tmp_path / "cpuinfo"
    file.write_bytes(text_of("zen4_epyc").replace("\n", "\r\n").encode())
    assert "zen4" == read_captures([file]).cpu.microarchitecture


@pytest.mark.parametrize(("told", "vendor"), [("FUJITSU", "Fujitsu"), ("0x46", "Fujitsu"), ("Somebody", "Somebody")])
def test_lscpu_and_cpuinfo_call_a_maker_the_same(write: Write, told: str, vendor: str) -> None:
    text = text_of("lscpu_big_little").replace("Vendor ID:              ARM", f"Vendor ID: {told}")
    assert vendor == read_captures(write(text)).cpu.vendor


def test_quotes_in_other_variables_do_not_matter_to_a_tpus(write: Write) -> None:
    environment = "PROMPT=it's \"\nTPU_ACCELERATOR_TYPE=v4-8\n"
    assert 4 == len(read_captures(write(environment)).accelerators)


def test_every_format_has_a_name_of_its_own() -> None:
    names = [each.name for each in FORMATS]
    assert sorted(set(names)) == sorted(names)
