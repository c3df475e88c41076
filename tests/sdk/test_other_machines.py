"""`autoprec probe --from` and `autoprec precisions --from`: machines told by files."""

import json
from pathlib import Path

import pytest

from autoprec.cli import main
from autoprec_probe.schema import profile_schema

ZEN4_GUEST = """processor\t: 0
vendor_id\t: AuthenticAMD
cpu family\t: 25
model\t\t: 17
model name\t: AMD EPYC 9R14
stepping\t: 1
physical id\t: 0
siblings\t: 1
core id\t\t: 0
cpu cores\t: 1
flags\t\t: fpu sse sse2 lm pni ssse3 fma avx f16c avx2 hypervisor
bogomips\t: 5200.00
"""
MI300X = '{"card0": {"Card Series": "AMD Instinct MI300X", "GFX Version": "gfx942", "Device ID": "0x74a1"}}\n'


@pytest.fixture
def files(tmp_path: Path) -> tuple[str, str]:
    cpuinfo, rocm_smi = tmp_path / "cpuinfo.txt", tmp_path / "rocm-smi.json"
    cpuinfo.write_text(ZEN4_GUEST)
    rocm_smi.write_text(MI300X)
    return str(cpuinfo), str(rocm_smi)


def test_another_machine_is_shown_as_json(capfd: pytest.CaptureFixture[str], files: tuple[str, str]) -> None:
    assert 0 == main(["probe", "--from", *files, "--json"])
    profile = json.loads(capfd.readouterr().out)
    assert ("zen4", "gfx942") == (profile["cpu"]["microarchitecture"], profile["accelerators"][0]["gfx_target"])
    assert "amd-instinct-mi300x" == profile["key"]


def test_another_machine_is_shown_as_a_table(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, files: tuple[str, str]
) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    assert 0 == main(["probe", "--from", *files])
    shown = " ".join(capfd.readouterr().out.split())
    assert "hidden by the hypervisor: avx512_bf16" in shown
    assert "cuda:0 AMD Instinct MI300X, gfx942, cdna3" in shown
    assert "software unknown" in shown


def test_files_may_be_named_one_by_one(capfd: pytest.CaptureFixture[str], files: tuple[str, str]) -> None:
    assert 0 == main(["probe", "--from", files[0], "--from", files[1], "--json"])
    assert "amd-instinct-mi300x" == json.loads(capfd.readouterr().out)["key"]


def test_precisions_of_another_machine_are_judged(capfd: pytest.CaptureFixture[str], files: tuple[str, str]) -> None:
    assert 0 == main(["precisions", "--from", files[0], "--json"])
    verdicts = {each["candidate"]["precision"]: each for each in json.loads(capfd.readouterr().out)}
    assert "emulated" == verdicts["bf16-mixed"]["level"]
    assert "every zen4 has avx512_bf16, and the hypervisor hides it" in verdicts["bf16-mixed"]["reason"]
    assert 0 == main(["precisions", "--from", *files, "--json"])
    verdicts = {each["candidate"]["precision"]: each for each in json.loads(capfd.readouterr().out)}
    assert "native" == verdicts["bf16-mixed"]["level"]


@pytest.mark.parametrize("command", ["probe", "precisions"])
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["cpuinfo.txt"], "name them after --from"),
        (["--from", "no-such-file"], "Cannot read no-such-file"),
        (["--from", "."], "is no KFD topology"),
        (["--from"], "requires an argument"),
    ],
)
def test_what_cannot_be_read_is_exit_code_2(
    capfd: pytest.CaptureFixture[str], command: str, arguments: list[str], message: str
) -> None:
    assert 2 == main([command, *arguments])
    shown = capfd.readouterr()
    assert ("", True) == (shown.out, message in shown.err)


def test_a_file_of_no_known_format_lists_what_can_be_read(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "notes").write_text("buy milk\n")
    assert 2 == main(["probe", "--from", str(tmp_path / "notes")])
    assert "in no known format. What can be read: " in capfd.readouterr().err


def test_what_probe_prints_can_be_read_again(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert 0 == main(["probe", "--json"])
    here = capfd.readouterr().out
    (tmp_path / "profile.json").write_text(here)
    assert 0 == main(["probe", "--from", str(tmp_path / "profile.json"), "--json"])
    assert json.loads(here) == json.loads(capfd.readouterr().out)


def test_the_schema_of_the_json_can_be_printed(capfd: pytest.CaptureFixture[str]) -> None:
    assert 0 == main(["probe", "--schema"])
    assert profile_schema() == json.loads(capfd.readouterr().out)
