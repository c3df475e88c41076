"""AMD's devices from what its tools print as JSON: `amd-smi static` and `rocm-smi`.

Both changed their shape between releases: amd-smi prints a list or an object around it and numbers with or without a
unit; rocm-smi renames keys (`GPU ID` became `Device ID`) and their capitals. Sources: ROCm/amdsmi `amdsmi_cli/`,
ROCm/rocm_smi_lib `python_smi_tools/rocm_smi.py`.
"""

import re
from collections.abc import Mapping
from typing import Any

from autoprec_probe.amd.targets import NAMES_BY_ID, TARGETS_BY_ID, VENDOR, architecture_of
from autoprec_probe.errors import CaptureError
from autoprec_probe.profile import Accelerator

_UNITS = {"B": 1, "KB": 2**10, "MB": 2**20, "GB": 2**30}
"""AMD's tools say MB for 2^20 bytes."""
_WHOLE = "SPX"


def devices_of_amd_smi(answer: Any) -> tuple[Accelerator, ...]:
    """Return the devices in the JSON of `amd-smi static`, in its order.

    Raises:
        CaptureError: It is not that JSON.
    """
    entries = answer.get("gpu_data") if isinstance(answer, dict) else answer
    if not isinstance(entries, list) or not all(isinstance(each, dict) for each in entries):
        raise CaptureError("The JSON of amd-smi static is garbled: it is a list of objects, or has one under gpu_data.")
    return tuple(_of_amd_smi(index, each) for index, each in enumerate(entries))


def _of_amd_smi(index: int, entry: Mapping[str, Any]) -> Accelerator:
    asic, bus, vram = (_section(entry, name) for name in ("asic", "bus", "vram"))
    device = _hexadecimal(_text(asic.get("device_id")))
    target = _target(_text(asic.get("target_graphics_version"))) or TARGETS_BY_ID.get(device)
    mode = _partition(entry)
    limit = _section(entry, "limit")
    return Accelerator(
        kind="cuda",
        index=index,
        vendor=VENDOR,
        name=_text(asic.get("market_name")) or NAMES_BY_ID.get(device),
        uuid=device_uuid(_text(asic.get("asic_serial"))),
        architecture=architecture_of(target),
        gfx_target=target,
        memory_total_bytes=_bytes(vram.get("size", vram.get("vram_size_mb")), unit="MB"),
        partitioned=None if mode is None else mode != _WHOLE,
        cores=_count(asic.get("num_compute_units")),
        power_limit_watts=_watts(limit.get("max_power", limit.get("socket_power_limit"))),
        pcie_generation=_generation(_text(bus.get("pcie_interface_version"))),
        pcie_width=_count(bus.get("max_pcie_width", bus.get("max_pcie_lanes"))),
    )


def _section(entry: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    section = entry.get(name)
    return section if isinstance(section, dict) else {}


def _partition(entry: Mapping[str, Any]) -> str | None:
    """Return SPX, CPX, DPX, …: releases call it compute or accelerator partition."""
    section = _section(entry, "partition")
    return _text(section.get("compute_partition")) or _text(section.get("accelerator_partition"))


def devices_of_rocm_smi(answer: Any) -> tuple[Accelerator, ...]:
    """Return the devices in the JSON of rocm-smi, in the order of its cards.

    Raises:
        CaptureError: It is not that JSON.
    """
    if not isinstance(answer, dict):
        raise CaptureError("The JSON of rocm-smi is garbled: it is an object with one entry a card.")
    cards = {int(name.removeprefix("card")): facts for name, facts in answer.items() if re.fullmatch(r"card\d+", name)}
    if not all(isinstance(facts, dict) for facts in cards.values()):
        raise CaptureError("The JSON of rocm-smi is garbled: each card in it is an object.")
    return devices_of_cards(cards)


def devices_of_cards(cards: Mapping[int, Mapping[str, Any]]) -> tuple[Accelerator, ...]:
    """Return the devices for rocm-smi's facts by card; HIP counts from 0 whatever the cards are numbered."""
    return tuple(_of_rocm_smi(index, cards[card]) for index, card in enumerate(sorted(cards)))


def _of_rocm_smi(index: int, shown: Mapping[str, Any]) -> Accelerator:
    facts = {name.lower(): text for name, value in shown.items() if (text := _text(value))}
    device = _hexadecimal(facts.get("device id") or facts.get("gpu id"))
    target = _target(facts.get("gfx version")) or TARGETS_BY_ID.get(device)
    total, used = (_bytes(facts.get(f"vram total {name}memory (b)"), unit="B") for name in ("", "used "))
    mode = facts.get("compute partition")
    power = facts.get("max graphics package power (w)")
    return Accelerator(
        kind="cuda",
        index=index,
        vendor=VENDOR,
        name=_board(facts) or NAMES_BY_ID.get(device),
        uuid=device_uuid(facts.get("unique id")),
        architecture=architecture_of(target),
        gfx_target=target,
        memory_total_bytes=total,
        memory_free_bytes=total - used if total is not None and used is not None else None,
        partitioned=None if mode is None else mode != _WHOLE,
        power_limit_watts=_watts(power),
    )


def _board(facts: Mapping[str, str]) -> str | None:
    """Return the name of the board; releases that do not know it print an id in its place."""
    names = (facts.get(key) for key in ("card series", "device name", "card model"))
    return next((name for name in names if name and not name.startswith("0x")), None)


def _text(value: object) -> str | None:
    """Return a value as text, None for what the tools print in place of one."""
    text = str(value).strip() if isinstance(value, str | int | float) else ""
    return None if text in {"", "N/A"} else text


def _target(text: str | None) -> str | None:
    """Return `gfx942` for what releases call gfx942, GFX942, or 942."""
    found = re.fullmatch(r"(?:gfx)?([0-9a-f]{3,4})(?::.*)?", (text or "").lower())
    return f"gfx{found[1]}" if found else None


def device_uuid(text: str | None) -> str | None:
    """Return the name of a device as HIP spells it, `GPU-` and sixteen digits."""
    number = _hexadecimal(text)
    return f"GPU-{number:016x}" if number > 0 else None


def _hexadecimal(text: str | None) -> int:
    found = re.fullmatch(r"(?:0x)?([0-9a-f]+)", (text or "").lower())
    return int(found[1], 16) if found else -1


def _count(value: object) -> int | None:
    text = _text(value) or ""
    return int(text) if text.isdecimal() else None


def _bytes(value: object, *, unit: str) -> int | None:
    """Return bytes for a number in `unit`, or for `{"value": 196592, "unit": "MB"}`."""
    if isinstance(value, dict):
        return _bytes(value.get("value"), unit=str(value.get("unit", unit)))
    number = _count(value)
    return None if number is None or unit not in _UNITS else number * _UNITS[unit]


def _watts(value: object) -> float | None:
    text = _text(value.get("value") if isinstance(value, dict) else value) or ""
    found = re.match(r"\d+(?:\.\d+)?", text)
    return float(found[0]) if found else None


def _generation(text: str | None) -> int | None:
    """Return 5 for `Gen 5`."""
    found = re.search(r"\d+", text or "")
    return int(found[0]) if found else None
