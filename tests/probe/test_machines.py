"""Machines told by files: each file here is one machine, with what was written on it and what is true of it.

Adding a machine is adding one file: `[[captures]]` holds the text of one file each, `[expected]` what must be read from
them, where `unknown` lists what must not be known.
"""

import tomllib
from operator import attrgetter
from pathlib import Path
from typing import Any

import pytest

from autoprec_probe import Candidate, HardwareProfile, support
from autoprec_probe.captures.capture import Format
from autoprec_probe.captures.formats import FORMATS
from autoprec_probe.captures.reading import read_captures
from autoprec_probe.captures.text import text_of

MACHINES = sorted((Path(__file__).parent / "machines").glob("*.toml"))


def texts(machine: Path) -> list[str]:
    return [each["text"].lstrip("\n") for each in tomllib.loads(machine.read_text())["captures"]]


def expected(machine: Path) -> dict[str, Any]:
    facts: dict[str, Any] = tomllib.loads(machine.read_text())["expected"]
    return facts


@pytest.fixture(params=MACHINES, ids=lambda machine: machine.stem)
def machine(request: pytest.FixtureRequest) -> Path:
    path: Path = request.param
    return path


@pytest.fixture
def profile(machine: Path, tmp_path: Path) -> HardwareProfile:
    files = []
    for place, text in enumerate(texts(machine)):
        files.append(tmp_path / f"{place}.txt")
        files[-1].write_text(text)
    return read_captures(files)


def told(section: dict[str, Any], shown: dict[str, Any]) -> dict[str, Any]:
    """Return the shown values of what a section expects."""
    return {name: shown[name] for name in section}


def test_a_machine_is_read_from_its_files(machine: Path, profile: HardwareProfile) -> None:
    facts, shown = expected(machine), profile.model_dump(mode="json")
    assert facts["system"] == profile.system
    for section in ("cpu", "software"):
        assert facts.get(section, {}) == told(facts.get(section, {}), shown[section])


def test_its_accelerators_are_all_there_with_what_is_true_of_them(machine: Path, profile: HardwareProfile) -> None:
    wanted = expected(machine).get("accelerators", [])
    shown = [each.model_dump(mode="json", exclude_none=True) for each in profile.accelerators]
    assert wanted == [{name: value for name, value in each.items() if value != []} for each in shown]


def test_what_the_files_do_not_tell_is_unknown(machine: Path, profile: HardwareProfile) -> None:
    unknown = expected(machine).get("unknown", [])
    assert dict.fromkeys(unknown) == {name: attrgetter(name)(profile) for name in unknown}


def test_its_half_precision_is_judged(machine: Path, profile: HardwareProfile) -> None:
    levels = expected(machine)["support"]
    assert levels == {each: support(Candidate(precision=each), profile).level for each in levels}


def test_its_profile_survives_json(profile: HardwareProfile) -> None:
    assert profile == HardwareProfile.model_validate_json(profile.model_dump_json())


def test_every_format_has_a_machine(tmp_path: Path) -> None:
    read = set()
    for text in (text for machine in MACHINES for text in texts(machine)):
        file = tmp_path / "capture"
        file.write_text(text)
        read.add(next(each.name for each in FORMATS if each.recognizes(text_of(file))))
    assert read == {each.name for each in FORMATS if not is_nvidia(each)}


def is_nvidia(each: Format) -> bool:
    """NVIDIA's tools have captures and tests of their own."""
    return each.parse.__module__.rpartition(".")[2].startswith(("nvidia_smi", "device_query"))
