"""The catalogue beside devices that others recorded, where they are at hand: shared, not part of the repository."""

import json
import re
from pathlib import Path

import pytest

from autoprec_probe.catalog import accelerator_by_name

TRUTH = Path(__file__).parents[4] / "shared" / "hardware" / "fixtures" / "nvidia-smi" / "truth.json"


def recorded() -> list[tuple[str, str, int]]:
    """Return name, compute capability and memory in MiB of every recorded device that the catalogue has."""
    captures = json.loads(TRUTH.read_text(encoding="utf-8")) if TRUTH.exists() else []
    found = set()
    for device in (each for capture in captures for each in capture["gpus"]):
        memory = re.fullmatch(r"(\d+) ?MiB", device["mem"] or "")
        if memory and device["cc"] and accelerator_by_name(device["name"]) is not None:
            found.add((device["name"], device["cc"], int(memory[1])))
    return sorted(found)


RECORDED = recorded()
MISSING = pytest.param("", "", 0, id="none", marks=pytest.mark.skip(reason=f"no recorded devices at {TRUTH}"))


@pytest.mark.parametrize(("name", "capability", "memory_mib"), RECORDED or [MISSING])
def test_a_recorded_device_is_as_the_catalogue_says(name: str, capability: str, memory_mib: int) -> None:
    row = accelerator_by_name(name, "NVIDIA")
    assert row is not None
    assert tuple(map(int, capability.split("."))) == row.compute_capability
    assert row.memory_reported_mib in {None, memory_mib}
