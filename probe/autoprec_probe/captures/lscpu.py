"""What `lscpu` prints, as text or as JSON (`lscpu -J`).

Source: util-linux, `sys-utils/lscpu.c`. Hybrid machines print one block for each kind of core.
"""

import re
from collections.abc import Iterator
from typing import Any

from autoprec_probe.captures.capture import Capture, Format
from autoprec_probe.captures.text import json_of
from autoprec_probe.core_kinds import fastest_first
from autoprec_probe.cpu import canonical_architecture
from autoprec_probe.cpu_models import ARM_IMPLEMENTERS, ARM_PARTS
from autoprec_probe.cpuinfo import CpuInfo, hexadecimal
from autoprec_probe.errors import CaptureError
from autoprec_probe.features import instruction_family, relevant_features
from autoprec_probe.identity import identify
from autoprec_probe.profile import CoreKind
from autoprec_probe.topology import parse_cpu_list

_WHAT = "lscpu"
Pairs = list[tuple[str, str]]

_CPUINFO_KEYS = {
    "Vendor ID": "vendor_id",
    "Model name": "model name",
    "CPU family": "cpu family",
    "Model": "model",
    "Stepping": "stepping",
    "ISA": "isa",
}
"""What /proc/cpuinfo calls the same."""
_ARM_NAMES = {
    "ampere_1": "ampere1",
    "ampere_1a": "ampere1a",
    "kunpeng_920": "tsv110",
    "thunderx_88xx": "thunderx",
    "thunderx_81xx": "thunderx",
    "thunderx_83xx": "thunderx",
    "thunderx2_99xx": "thunderx2",
}
"""Cores that lscpu calls otherwise than compilers do."""


def recognizes(text: str) -> bool:
    """Whether it names an architecture and counts processors."""
    if text.lstrip().startswith("{"):
        return '"lscpu"' in text
    return all(re.search(key, text, re.MULTILINE) for key in (r"^Architecture:\s", r"^CPU\(s\):\s"))


def parse(text: str) -> Capture:
    """Return the processor."""
    pairs = _pairs_of_json(text) if text.lstrip().startswith("{") else _pairs_of_text(text)
    facts = dict(reversed(pairs))  # of several kinds of cores, the first
    architecture = canonical_architecture(facts.get("Architecture", ""))
    if not architecture:
        raise CaptureError(f"{_WHAT} is truncated: it names no architecture.")
    cores = _physical_cores(pairs)
    threads = max(
        (int(value) for key, value in pairs if key == "Thread(s) per core" and value.isdecimal()), default=None
    )
    told: dict[str, Any] = {
        "architecture": architecture,
        "logical_cores": _logical_cores(facts),
        "physical_cores": cores,
        "threads_per_core": threads,
        "numa_nodes": _number(facts.get("NUMA node(s)")),
        **_identity(instruction_family(architecture), facts, pairs),
    }
    if "Hypervisor vendor" in facts:
        told["hypervisor"] = True
    return Capture(system="Linux", cpu=told)


def _pairs_of_text(text: str) -> Pairs:
    pairs = []
    for line in filter(str.strip, text.splitlines()):
        key, colon, value = line.partition(":")
        if not colon:
            raise CaptureError(f"{_WHAT} is truncated or garbled at the line {line.strip()[:40]!r}.")
        pairs.append((key.strip(), value.strip()))
    if pairs and pairs[-1][0] == "Flags" and not text.endswith("\n"):
        raise CaptureError(f"{_WHAT} is truncated: it breaks off within the list of features.")
    return pairs


def _pairs_of_json(text: str) -> Pairs:
    answer = json_of(text, _WHAT)
    return list(_flattened(answer.get("lscpu") if isinstance(answer, dict) else None))


def _flattened(entries: Any) -> Iterator[tuple[str, str]]:
    for entry in entries if isinstance(entries, list) else ():
        if isinstance(entry, dict):
            yield str(entry.get("field", "")).rstrip(":"), str(entry.get("data") or "")
            yield from _flattened(entry.get("children"))


def _logical_cores(facts: dict[str, str]) -> int | None:
    online = facts.get("On-line CPU(s) list", "")
    if re.fullmatch(r"\d+([-,]\d+)*", online):
        return len(parse_cpu_list(online))
    return _number(facts.get("CPU(s)"))


def _physical_cores(pairs: Pairs) -> int | None:
    """Return cores times sockets (or clusters), over every kind of core."""
    return sum(_cores_of_kinds(pairs)) or None


def _cores_of_kinds(pairs: Pairs) -> list[int]:
    per_socket = [int(value) for key, value in pairs if key.startswith("Core(s) per ") and value.isdecimal()]
    sockets = [int(value) for key, value in pairs if key in {"Socket(s)", "Cluster(s)"} and value.isdecimal()]
    return [cores * count for cores, count in zip(per_socket, sockets, strict=False)]


def _number(text: str | None) -> int | None:
    return int(text) if text is not None and text.isdecimal() else None


def _identity(family: str, facts: dict[str, str], pairs: Pairs) -> dict[str, Any]:
    if family == "arm":
        return _arm_identity(facts, pairs)
    block = {_CPUINFO_KEYS[key]: value for key, value in facts.items() if key in _CPUINFO_KEYS}
    block |= {"flags": facts["Flags"], "features": facts["Flags"]} if "Flags" in facts else {}
    block |= {"cpu": facts["Model name"]} if "Model name" in facts else {}
    block |= {"processor 0": f"machine = {facts['Machine type']}"} if "Machine type" in facts else {}
    return identify(family, CpuInfo(blocks=(block,)))


def _arm_identity(facts: dict[str, str], pairs: Pairs) -> dict[str, Any]:
    """Return the names of the cores, which newer releases print in place of the numbers of maker and part."""
    models = [value for key, value in pairs if key == "Model name"]
    names = [_arm_name(model) for model in models]
    known = "+".join(sorted({name for name in names if name})) if None not in names else ""
    flags = [frozenset(value.split()) for key, value in pairs if key == "Flags"]
    cores = _cores_of_kinds(pairs)
    kinds = [CoreKind(name=name, logical_cores=count) for name, count in zip(names, cores, strict=False)]
    return {
        "core_kinds": fastest_first(kinds) if len(kinds) > 1 else (),
        "vendor": _arm_vendor(facts.get("Vendor ID")),
        "model_name": models[0] if models and not known else None,
        "microarchitecture": known or None,
        "features": relevant_features("arm", frozenset.intersection(*flags) if flags else ()),
    }


def _arm_vendor(told: str | None) -> str | None:
    """Return a maker as /proc/cpuinfo's code for it is spelt: lscpu writes FUJITSU, NVIDIA, or the code itself."""
    spellings = {name.lower(): name for name in ARM_IMPLEMENTERS.values()}
    return None if told is None else ARM_IMPLEMENTERS.get(hexadecimal(told), spellings.get(told.lower(), told))


def _arm_name(model: str) -> str | None:
    name = model.lower().replace("-", "_")
    name = _ARM_NAMES.get(name, name)
    apple = re.search(r"_(m\d)\b", name)
    if apple:
        return apple[1]
    return name if name in ARM_PARTS.values() else None


FORMAT = Format(name=_WHAT, recognizes=recognizes, parse=parse)
