"""The machines: who reports, what they are, what they do."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from statistics import fmean

from autoprec_dashboards.pages.status import Badge, badge
from autoprec_probe.profile import Accelerator, HardwareProfile
from autoprec_probe.support import precision_table
from autoprec_runner.quantities import size
from autoprec_service.fleet import Node
from autoprec_service.web.node_state import state_of

_REDUCED = ("16-mixed", "bf16-mixed", "16-true", "bf16-true", "transformer-engine")
"""What is worth knowing of a machine at a glance: which reduced precisions it runs natively."""
PAGE = 50
_MOST_JUDGED = 512
_judged: dict[tuple[object, ...], tuple[str, ...]] = {}
"""What was found of machines by what decides it; a fleet has few kinds."""


@dataclass(frozen=True, kw_only=True)
class NodeRow:
    """One machine in a line."""

    name: str
    badge: Badge
    seen_at: datetime
    hardware_key: str | None
    devices: str
    architecture: str
    accelerators: int
    utilization: float | None
    """Mean over its accelerators, 0 to 1; of a machine without any, its load a core, at most 1."""
    memory: str
    natives: tuple[str, ...]
    problems: tuple[str, ...]
    torch: str | None


@dataclass(frozen=True, kw_only=True)
class Architecture:
    """All that is of one architecture."""

    name: str
    nodes: int
    accelerators: int
    online: int
    utilization: float | None
    natives: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Asked:
    """The filters of the page."""

    search: str = ""
    state: str = ""
    architecture: str = ""
    after: str = ""


@dataclass(frozen=True, kw_only=True)
class FleetView:
    """What the page shows."""

    rows: tuple[NodeRow, ...]
    next_after: str | None
    total: int
    matching: int
    states: dict[str, int]
    architectures: tuple[Architecture, ...]
    names: tuple[str, ...]
    """Of every architecture, for the filter."""


def fleet_view(rows: Sequence[NodeRow], asked: Asked) -> FleetView:
    """Return one page of the machines that match, and what all of them are."""
    found = [each for each in rows if _matches(each, asked)]
    page = [each for each in found if each.name > asked.after][: PAGE + 1]
    states = {word: sum(each.badge.word == word for each in rows) for word in ("online", "stale", "lost")}
    architectures = tuple(_architectures(rows))
    return FleetView(
        rows=tuple(page[:PAGE]),
        next_after=page[PAGE - 1].name if len(page) > PAGE else None,
        total=len(rows),
        matching=len(found),
        states=states,
        architectures=architectures,
        names=tuple(each.name for each in architectures),
    )


def node_row(node: Node, now: datetime) -> NodeRow:
    """Return a machine in a line."""
    profile = node.profile
    accelerators = _readable(profile)
    return NodeRow(
        name=node.name,
        badge=badge(state_of(node, now)),
        seen_at=node.last_seen_at,
        hardware_key=profile.key if profile else None,
        devices=_devices(profile),
        architecture=_architecture(profile),
        accelerators=len(accelerators),
        utilization=_utilization(node),
        memory=_memory(node),
        natives=natives(profile) if profile else (),
        problems=tuple(_problems(node)),
        torch=profile.software.packages.get("torch") if profile else None,
    )


def natives(profile: HardwareProfile) -> tuple[str, ...]:
    """Return which reduced precisions a machine runs natively; machines that are alike are judged once."""
    first = next(iter(_readable(profile)), None)
    known = (profile.key, profile.cpu.features, profile.software.model_dump_json(), first and first.architecture)
    if known not in _judged:
        if len(_judged) >= _MOST_JUDGED:
            _judged.clear()
        table = precision_table(profile)
        native = {each.candidate.precision for each in table if each.level == "native"}
        _judged[known] = tuple(each for each in _REDUCED if each in native)
    return _judged[known]


def _readable(profile: HardwareProfile | None) -> tuple[Accelerator, ...]:
    return tuple(each for each in profile.accelerators if each.error is None) if profile else ()


def _devices(profile: HardwareProfile | None) -> str:
    """Return what is in a machine, in words: `8 × NVIDIA H100 80GB HBM3`."""
    if profile is None:
        return "not told yet"
    names: dict[str, int] = {}
    for each in _readable(profile):
        name = each.name or f"{each.vendor} {each.kind}"
        names[name] = names.get(name, 0) + 1
    if names:
        return ", ".join(f"{count} × {name}" if count > 1 else name for name, count in names.items())
    cpu = profile.cpu
    cores = f", {cpu.usable_cores or cpu.logical_cores} cores" if cpu.usable_cores or cpu.logical_cores else ""
    return f"{cpu.model_name or cpu.architecture}{cores}"


def _architecture(profile: HardwareProfile | None) -> str:
    if profile is None:
        return "unknown"
    first = next(iter(_readable(profile)), None)
    if first is not None:
        return first.architecture or first.gfx_target or first.name or first.vendor
    return f"CPU {profile.cpu.microarchitecture or profile.cpu.architecture}"


def _utilization(node: Node) -> float | None:
    told = node.telemetry
    if told is None:
        return None
    busy = [each.utilization_percent for each in told.accelerators if each.utilization_percent is not None]
    if busy:
        return fmean(busy) / 100
    cores = node.profile.cpu.usable_cores or node.profile.cpu.logical_cores if node.profile else None
    if told.host.load_average is None or not cores or _readable(node.profile):
        return None
    return min(1.0, told.host.load_average / cores)


def _memory(node: Node) -> str:
    """Return what is used of the accelerators' memory, or what is free of the host's."""
    told = node.telemetry
    if told is None:
        return ""
    used = [each.memory_used_bytes for each in told.accelerators if each.memory_used_bytes is not None]
    if used:
        total = sum(each.memory_total_bytes or 0 for each in _readable(node.profile))
        return f"{size(sum(used))} of {size(total)}" if total else f"{size(sum(used))} used"
    free = told.host.memory_available_bytes
    return f"{size(free)} free" if free is not None and not _readable(node.profile) else ""


def _problems(node: Node) -> Iterable[str]:
    if node.error:
        yield node.error
    if node.dropped:
        yield f"{node.dropped:,} reports were given up"
    if node.profile:
        yield from (f"device {each.index}: {each.error}" for each in node.profile.accelerators if each.error)
    if node.telemetry:
        hot = [each for each in node.telemetry.accelerators if each.throttle_reasons]
        yield from (f"device {each.index} is held down: {', '.join(each.throttle_reasons or ())}" for each in hot)


def _matches(row: NodeRow, asked: Asked) -> bool:
    sought = asked.search.casefold()
    told = f"{row.name} {row.devices} {row.hardware_key or ''}".casefold()
    return sought in told and asked.state in {"", row.badge.word} and asked.architecture in {"", row.architecture}


def _architectures(rows: Sequence[NodeRow]) -> Iterable[Architecture]:
    groups: dict[str, list[NodeRow]] = {}
    for each in rows:
        groups.setdefault(each.architecture, []).append(each)
    for name, group in sorted(groups.items(), key=lambda item: (-len(item[1]), item[0])):
        online = [each for each in group if each.badge.word == "online"]
        busy = [each.utilization for each in online if each.utilization is not None]
        common = set(group[0].natives).intersection(*(each.natives for each in group))
        yield Architecture(
            name=name,
            nodes=len(group),
            accelerators=sum(each.accelerators for each in group),
            online=len(online),
            utilization=fmean(busy) if busy else None,
            natives=tuple(each for each in _REDUCED if each in common),
        )
