"""Which architecture of the catalogue answers for a device, and what is assumed where none is quite its own."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from autoprec_probe.catalog import (
    ArchitectureFacts,
    accelerator_by_name,
    architecture,
    architecture_by_capability,
    architecture_by_target,
    architectures,
)
from autoprec_probe.fp8 import dotted
from autoprec_probe.microarchitecture import apple_microarchitecture
from autoprec_probe.nvidia import Capability, lowest_capability
from autoprec_probe.rules.case import Case


@dataclass(frozen=True, kw_only=True)
class Known:
    """An architecture, how the device told it, and what had to be assumed."""

    facts: ArchitectureFacts
    label: str | None = None
    """The number or target that tells it, as a sentence names it."""
    caveat: str | None = None
    """A sentence on what is assumed; None where nothing is."""


def architecture_of(case: Case) -> Known | None:
    """Return the architecture of the case's device; None for an NVIDIA device that tells nothing.

    Others that tell nothing are judged by what all devices of their kind have.
    """
    find: dict[str, Callable[[Case], Known | None]] = {"nvidia": _nvidia, "amd": _amd}
    return find.get(case.platform, _by_name)(case)


def capability_of(case: Case) -> Capability | None:
    """Return an NVIDIA device's compute capability: its own, its model's, or the lowest of its architecture."""
    return _told_capability(case) or lowest_capability(case.present.architecture)


def target_of(case: Case) -> str | None:
    """Return an AMD device's target without its features: `gfx90a` of `gfx90a:sramecc+:xnack-`."""
    device = case.present
    model = accelerator_by_name(device.name or "", "AMD")
    shown = device.architecture if (device.architecture or "").startswith("gfx") else None
    target = device.gfx_target or shown or (model.gfx_target if model else None)
    return None if target is None else target.partition(":")[0]


def _told_capability(case: Case) -> Capability | None:
    device = case.present
    model = accelerator_by_name(device.name or "", "NVIDIA")
    return device.compute_capability or (model.compute_capability if model else None)


def _nvidia(case: Case) -> Known | None:
    capability = _told_capability(case)
    if capability is None:
        named = _first_named([case.present.architecture], "cuda")
        return None if named is None else Known(facts=named)
    label = f"compute capability {dotted(capability)}"
    facts = architecture_by_capability(capability)
    return _nearest(capability, label) if facts is None else Known(facts=facts, label=label)


def _nearest(capability: Capability, label: str) -> Known:
    """Return the nearest older architecture: so far, each has kept what the one before it computed."""
    known = sorted(each for row in architectures() for each in row.compute_capabilities)
    nearest = max((each for each in known if each < capability), default=known[0])
    facts = architecture_by_capability(nearest)
    assert facts is not None, "the tables have every capability that they list"
    missing = (
        f"newer than autoprec's tables, which end at {dotted(known[-1])}"
        if capability > known[-1]
        else "not in autoprec's tables"
    )
    caveat = f"C{label[1:]} is {missing}: that it computes what {dotted(nearest)} does is assumed."
    return Known(facts=facts, label=label, caveat=caveat)


def _amd(case: Case) -> Known | None:
    target = target_of(case)
    facts = None if target is None else architecture_by_target(target)
    named = facts or _first_named([case.present.architecture], "cuda") or architecture("amd")
    return None if named is None else Known(facts=named, label=target)


def _by_name(case: Case) -> Known | None:
    device = case.present
    model = accelerator_by_name(device.name or "")
    chip = _apple_chip(case) if case.device == "mps" else None
    names = [device.architecture, model.architecture if model else None, chip]
    facts = _first_named(names, case.device)
    if facts is None and chip is not None:
        return _newest_apple(chip)
    facts = facts or architecture(case.device)
    return None if facts is None else Known(facts=facts)


def _apple_chip(case: Case) -> str | None:
    """Return `m3` for an M3 of any size; None for what Apple does not make itself, as in an Intel Mac."""
    chip = apple_microarchitecture(case.present.name or "") or case.profile.cpu.microarchitecture or ""
    return chip if re.fullmatch(r"m\d+", chip) else None


def _newest_apple(chip: str) -> Known:
    """Return the newest chip of Apple in the tables, for one that is newer."""
    known = [row for row in architectures() if re.fullmatch(r"apple-m\d+", row.name)]
    newest = max(known, key=lambda row: int(row.name.removeprefix("apple-m")))
    its = newest.name.removeprefix("apple-").upper()
    caveat = f"{chip.upper()} is newer than autoprec's tables, which end at {its}: that it computes what {its} does is"
    return Known(facts=newest, caveat=f"{caveat} assumed.")


def _first_named(names: Iterable[str | None], device: str) -> ArchitectureFacts | None:
    found = (architecture(each) for each in names if each)
    return next((each for each in found if each is not None and each.device == device), None)
