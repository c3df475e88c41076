"""One machine: its devices, what they do, and what each precision is worth there."""

from collections.abc import Iterable
from dataclasses import dataclass

from autoprec_dashboards.pages.fleet import NodeRow
from autoprec_dashboards.pages.status import Badge, badge
from autoprec_probe.finding import Finding
from autoprec_probe.profile import Accelerator, HardwareProfile
from autoprec_probe.support import precision_table
from autoprec_probe.telemetry import DeviceTelemetry
from autoprec_runner.quantities import figure, size
from autoprec_service.fleet import Node


@dataclass(frozen=True, kw_only=True)
class DeviceRow:
    """One accelerator."""

    index: int
    name: str
    architecture: str
    utilization: float | None
    memory_share: float | None
    memory: str
    power: str
    temperature: str
    problem: str


@dataclass(frozen=True, kw_only=True)
class SupportRow:
    """One precision."""

    precision: str
    badge: Badge
    reason: str
    remedy: str | None


@dataclass(frozen=True, kw_only=True)
class NodeView:
    """What the page of a machine shows."""

    node: Node
    row: NodeRow
    devices: tuple[DeviceRow, ...]
    support: tuple[SupportRow, ...]
    findings: tuple[Finding, ...]
    facts: tuple[tuple[str, str], ...]
    software: tuple[tuple[str, str], ...]


def node_view(node: Node, row: NodeRow) -> NodeView:
    """Return what is known of a machine."""
    profile = node.profile
    return NodeView(
        node=node,
        row=row,
        devices=tuple(_devices(node)),
        support=tuple(_support(profile)) if profile else (),
        findings=tuple(profile.findings) if profile else (),
        facts=tuple(_facts(profile)) if profile else (),
        software=tuple((name, version) for name, version in profile.software.packages.items() if version)
        if profile
        else (),
    )


def _devices(node: Node) -> Iterable[DeviceRow]:
    told = {(each.kind, each.index): each for each in node.telemetry.accelerators} if node.telemetry else {}
    for each in node.profile.accelerators if node.profile else ():
        yield _device(each, told.get((each.kind, each.index)))


def _device(device: Accelerator, live: DeviceTelemetry | None) -> DeviceRow:
    used, total = live.memory_used_bytes if live else None, device.memory_total_bytes
    busy = live.utilization_percent if live else None
    watts, limit = live.power_watts if live else None, device.power_limit_watts
    held = ", ".join(live.throttle_reasons or ()) if live else ""
    return DeviceRow(
        index=device.index,
        name=device.name or f"{device.vendor} {device.kind}",
        architecture=device.architecture or device.gfx_target or "–",
        utilization=None if busy is None else busy / 100,
        memory_share=used / total if used is not None and total else None,
        memory=" of ".join(size(each) for each in (used, total) if each is not None) or "–",
        power=("" if watts is None else figure(watts)) + ("" if limit is None else f" of {figure(limit)}") + " W"
        if watts is not None or limit is not None
        else "–",
        temperature="–" if live is None or live.temperature_celsius is None else f"{live.temperature_celsius:.0f} °C",
        problem=device.error or (live.error if live else None) or (f"held down: {held}" if held else ""),
    )


def _support(profile: HardwareProfile) -> Iterable[SupportRow]:
    for each in precision_table(profile):
        yield SupportRow(
            precision=each.candidate.precision, badge=badge(each.level), reason=each.reason, remedy=each.remedy
        )


def _facts(profile: HardwareProfile) -> Iterable[tuple[str, str]]:
    cpu = profile.cpu
    yield "hardware key", profile.key
    yield "processor", cpu.model_name or cpu.architecture
    if cpu.usable_cores is not None:
        yield "usable cores", f"{cpu.usable_cores} of {cpu.logical_cores or cpu.usable_cores}"
    if cpu.memory_total_bytes is not None:
        yield "memory", size(cpu.memory_total_bytes)
    yield "system", profile.system
    yield "Python", profile.software.python
    if profile.software.nvidia_driver:
        yield "NVIDIA driver", profile.software.nvidia_driver
    if profile.software.rocm:
        yield "ROCm", profile.software.rocm
    if profile.software.torch_build:
        yield "torch built for", profile.software.torch_build
