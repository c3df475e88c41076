"""The topology of AMD's compute driver: the folder /sys/class/kfd/kfd/topology, or its files one after the other.

`tail -n +1 /sys/class/kfd/kfd/topology/nodes/*/properties /sys/class/kfd/kfd/topology/nodes/*/mem_banks/*/properties`
prints it as one file.
"""

import re

from autoprec_probe.amd.kfd import KfdNode, accelerators, properties_of
from autoprec_probe.captures.capture import Capture, Format
from autoprec_probe.errors import CaptureError

_WHAT = "KFD topology"
_HEADER = re.compile(r"^==> (?:.*nodes/)?(\d+)/(mem_banks/\d+/)?properties <==$", re.MULTILINE)
_ANY_HEADER = re.compile(r"^==> .* <==$", re.MULTILINE)
_LAST = "max_engine_clk_ccompute"
"""The property that the driver prints last."""


def recognizes(text: str) -> bool:
    """Whether a node counts its SIMD units."""
    return re.search(r"^simd_count \d+$", text, re.MULTILINE) is not None


def parse(text: str) -> Capture:
    """Return the devices among the nodes and how many nodes have processors."""
    nodes = _nodes(text)
    cut = [
        number for number, node in nodes.items() if "simd_count" not in node.properties or _LAST not in node.properties
    ]
    if cut:
        raise CaptureError(f"The {_WHAT} is truncated: node {cut[0]} breaks off before its last property, {_LAST}.")
    threads = sum(node.properties.get("cpu_cores_count", 0) for node in nodes.values())
    return Capture(
        system="Linux",
        cpu={"logical_cores": threads or None},
        accelerators=accelerators(tuple(nodes[number] for number in sorted(nodes))),
    )


def _nodes(text: str) -> dict[int, KfdNode]:
    """Cut the text at the headers of its files; a text without any is one node."""
    if not _HEADER.search(text):
        return {0: KfdNode(properties=properties_of(text))}
    properties: dict[int, dict[str, int]] = {}
    banks: dict[int, list[dict[str, int]]] = {}
    for header in _HEADER.finditer(text):
        following = _ANY_HEADER.search(text, header.end())
        values = properties_of(text[header.end() : following.start() if following else len(text)])
        if header[2]:
            banks.setdefault(int(header[1]), []).append(values)
        else:
            properties[int(header[1])] = values
    return {
        number: KfdNode(properties=values, banks=tuple(banks.get(number, ()))) for number, values in properties.items()
    }


FORMAT = Format(name=_WHAT, recognizes=recognizes, parse=parse)
