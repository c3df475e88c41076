"""NVIDIA machines that others recorded, where they are at hand: shared material, not part of the repository."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from autoprec_probe import Accelerator
from autoprec_probe.captures import device_query, nvidia_smi_csv, nvidia_smi_query, nvidia_smi_table, nvidia_smi_xml
from autoprec_probe.captures.capture import Capture
from autoprec_probe.captures.completion import Capability, complete
from autoprec_probe.errors import CaptureError

FIXTURES = Path(__file__).parents[3] / "shared" / "hardware" / "fixtures" / "nvidia-smi"
FORMATS = (
    nvidia_smi_query.FORMAT,
    nvidia_smi_xml.FORMAT,
    nvidia_smi_table.FORMAT,
    nvidia_smi_csv.FORMAT,
    device_query.FORMAT,
)


def recorded() -> list[dict[str, Any]]:
    truth = FIXTURES / "truth.json"
    entries: list[dict[str, Any]] = json.loads(truth.read_text()) if truth.exists() else []
    return entries


RECORDED = recorded()
BROKEN = [each for each in RECORDED if "invalid" in each["file"]]
WHOLE = [each for each in RECORDED if each not in BROKEN]
NOTHING: dict[str, Capability] = {}
PRINTED: dict[str, Capability] = {
    gpu["name"]: (int(gpu["cc"].split(".")[0]), int(gpu["cc"].split(".")[1]))
    for entry in RECORDED
    for gpu in entry["gpus"]
    if gpu["cc"]
}
"""The capabilities of the recorded names, in the place of a catalogue."""


def each_of(entries: list[dict[str, Any]]) -> pytest.MarkDecorator:
    """Parametrise over recorded machines; where there are none, the test says so and is skipped."""
    missing = pytest.param({}, id="none", marks=pytest.mark.skip(reason=f"no recorded machines at {FIXTURES}"))
    found = [pytest.param(each, id=each["file"]) for each in entries]
    return pytest.mark.parametrize("entry", found or [missing])


def replay(entry: dict[str, Any]) -> Capture:
    text = (FIXTURES / entry["file"]).read_text()
    (found,) = [each for each in FORMATS if each.recognizes(text)]
    return found.parse(text)


def pairs(entry: dict[str, Any]) -> list[tuple[dict[str, Any], Accelerator]]:
    return list(zip(entry["gpus"], replay(entry).accelerators, strict=True))


def capability(text: str | None) -> Capability | None:
    major, minor = text.split(".") if text else (0, 0)
    return (int(major), int(minor)) if text else None


@each_of(WHOLE)
def test_a_recorded_machine_has_its_devices_by_name(entry: dict[str, Any]) -> None:
    names = [None if gpu["name"].endswith("...") else gpu["name"] for gpu in entry["gpus"]]
    told = replay(entry).accelerators
    assert [("NVIDIA", None, name) for name in names] == [(each.vendor, each.error, each.name) for each in told]


@each_of(WHOLE)
def test_a_recorded_machine_has_its_memory(entry: dict[str, Any]) -> None:
    for gpu, told in pairs(entry):
        in_bytes = re.search(r"\((\d+) B\)", gpu["mem"] or "")
        in_mebibytes = re.match(r"\d+", gpu["mem"] or "")
        expected = int(in_bytes[1]) if in_bytes else int(in_mebibytes[0]) * 2**20 if in_mebibytes else None
        assert expected == told.memory_total_bytes


@each_of(WHOLE)
def test_a_recorded_machine_has_its_architecture_and_capability_or_none(entry: dict[str, Any]) -> None:
    for gpu, told in pairs(entry):
        alone, known = complete(told, NOTHING.get), complete(told, PRINTED.get)
        assert alone.compute_capability in {None, capability(gpu["cc"])}
        assert known.compute_capability in {capability(gpu["cc"])} | ({None} if told.name is None else set())
        if gpu["arch"]:
            assert gpu["arch"].split()[0].lower() == (known.architecture or "").partition("-")[0]


@each_of([each for each in WHOLE if any(gpu["mig"] for gpu in each["gpus"])])
def test_a_recorded_machine_has_its_mode_and_slices(entry: dict[str, Any]) -> None:
    for gpu, told in pairs(entry):
        expected = {"Enabled": True, "Disabled": False}.get(gpu["mig"])
        assert (expected, len(gpu["migdev"])) == (told.partitioned, len(told.slices))


@each_of([each for each in WHOLE if each["driver"]])
def test_a_recorded_machine_has_its_driver(entry: dict[str, Any]) -> None:
    assert entry["driver"] == replay(entry).software["nvidia_driver"]


@each_of([each for each in WHOLE if each.get("cuda")])
def test_a_recorded_machine_has_its_cuda_version(entry: dict[str, Any]) -> None:
    assert entry["cuda"].split()[0] == replay(entry).software["cuda_driver"]


@each_of(BROKEN)
def test_a_recorded_machine_that_was_truncated_is_refused(entry: dict[str, Any]) -> None:
    with pytest.raises(CaptureError, match="truncated"):
        replay(entry)
