"""AMD's devices from the topology of the kernel's compute driver (KFD), which is what HIP lists, in HIP's order.

Source: Linux `drivers/gpu/drm/amd/amdkfd/kfd_topology.c`. No tool is started.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from autoprec_probe.amd.targets import NAMES_BY_ID, TARGETS_BY_ID, VENDOR, architecture_of, target_of_version
from autoprec_probe.profile import Accelerator
from autoprec_probe.reader import Reader

NODES = "/sys/class/kfd/kfd/topology/nodes"
_LOCAL_HEAPS = frozenset({1, 2})
"""`heap_type` of a device's own memory: visible to the processor, and not."""
_WHOLE = "SPX"
"""The compute partition that is no partition."""


@dataclass(frozen=True, kw_only=True)
class KfdNode:
    """One node of the topology: the properties of a device and those of its memory banks."""

    properties: Mapping[str, int]
    banks: tuple[Mapping[str, int], ...] = ()
    drm: Mapping[str, str] = field(default_factory=dict)
    """What the graphics driver tells of the same device: product_name, mem_info_vram_total and others."""

    @property
    def is_gpu(self) -> bool:
        """Whether this node computes by SIMD units; the others are processors."""
        return self.properties.get("simd_count", 0) > 0

    @property
    def unique_id(self) -> int:
        """The number burnt into the device, 0 where it has none; its partitions share it."""
        return self.properties.get("unique_id", 0)


def detect_kfd(reader: Reader) -> tuple[Accelerator, ...]:
    """Return the devices that the driver lists; nodes that a container may not read are not its own."""
    names = sorted((name for name in reader.list_directory(NODES) or () if name.isdecimal()), key=int)
    return accelerators(tuple(_node(reader, f"{NODES}/{name}") for name in names))


def accelerators(nodes: tuple[KfdNode, ...]) -> tuple[Accelerator, ...]:
    """Return the devices among the nodes, numbered as HIP does; each partition is a device of its own."""
    devices = [node for node in nodes if node.is_gpu]
    shared = Counter(node.unique_id for node in devices)
    return tuple(
        _accelerator(index, node, partitioned=_partitioned(node, shared[node.unique_id]))
        for index, node in enumerate(devices)
    )


def _partitioned(node: KfdNode, nodes_with_this_id: int) -> bool | None:
    mode = node.drm.get("current_compute_partition")
    if mode:
        return mode != _WHOLE
    return nodes_with_this_id > 1 if node.unique_id else None


def _accelerator(index: int, node: KfdNode, *, partitioned: bool | None) -> Accelerator:
    properties = node.properties
    device = properties.get("device_id", -1)
    target = target_of_version(properties.get("gfx_target_version", 0)) or TARGETS_BY_ID.get(device)
    total, used = _memory_bytes(node), _number(node.drm.get("mem_info_vram_used"))
    return Accelerator(
        kind="cuda",
        index=index,
        vendor=VENDOR,
        name=node.drm.get("product_name") or NAMES_BY_ID.get(device),
        uuid=f"GPU-{node.unique_id:016x}" if node.unique_id else None,
        architecture=architecture_of(target),
        gfx_target=target,
        memory_total_bytes=total,
        memory_free_bytes=total - used if total and used is not None and not partitioned else None,
        partitioned=partitioned,
        cores=properties["simd_count"] // max(1, properties.get("simd_per_cu", 0)),
    )


def _memory_bytes(node: KfdNode) -> int | None:
    banks = sum(bank.get("size_in_bytes", 0) for bank in node.banks if bank.get("heap_type") in _LOCAL_HEAPS)
    return banks or node.properties.get("local_mem_size", 0) or _number(node.drm.get("mem_info_vram_total"))


def _number(text: str | None) -> int | None:
    return int(text) if text and text.isdecimal() else None


def _node(reader: Reader, folder: str) -> KfdNode:
    properties = properties_of(reader.read_text(f"{folder}/properties") or "")
    banks = reader.list_directory(f"{folder}/mem_banks") or ()
    return KfdNode(
        properties=properties,
        banks=tuple(properties_of(reader.read_text(f"{folder}/mem_banks/{bank}/properties") or "") for bank in banks),
        drm=_drm(reader, properties.get("drm_render_minor", 0)),
    )


def properties_of(text: str) -> dict[str, int]:
    """Return the numbers in lines such as `simd_count 416`."""
    words = (line.split() for line in text.splitlines())
    return {pair[0]: int(pair[1]) for pair in words if len(pair) == 2 and pair[1].isdecimal()}  # noqa: PLR2004 (a pair)


_DRM_FILES = ("product_name", "mem_info_vram_total", "mem_info_vram_used", "current_compute_partition")


def _drm(reader: Reader, minor: int) -> dict[str, str]:
    """Read what the graphics driver tells of the device behind a render node, nothing where there is none."""
    if not minor:
        return {}
    folder = f"/sys/class/drm/renderD{minor}/device"
    texts = {name: (reader.read_text(f"{folder}/{name}") or "").strip() for name in _DRM_FILES}
    return {name: text for name, text in texts.items() if text}
