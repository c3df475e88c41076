"""What rocm-smi prints as text: the table of a plain call, or the lines `GPU[0] : Key: Value` of a call with options.

Source: ROCm/rocm_smi_lib, `python_smi_tools/rocm_smi.py` (`showAllConcise`, `printLog`).
"""

import re

from autoprec_probe.amd.smi import devices_of_cards
from autoprec_probe.captures.capture import Capture, Format
from autoprec_probe.errors import CaptureError

_WHAT = "rocm-smi"
_BEGIN = re.compile(r"ROCm System Management Interface", re.IGNORECASE)
_END = re.compile(r"End of ROCm SMI Log", re.IGNORECASE)
_LINE = re.compile(r"^GPU\[(\d+)\]\s*:\s*([^:]+?)\s*:\s*(.*?)\s*$", re.MULTILINE)
_ROW = re.compile(r"^(\d+)\s+(?:\d+\s+)?\[?\s*(0x[0-9a-f]{4})\b(.*)$", re.IGNORECASE | re.MULTILINE)
_NAME = re.compile(r"\n[ \t]+(\S.*?)[ \t]*(?:\n|$)")
_PARTITION = re.compile(r"NPS\d+, (\w+)")
_POWER_CAP = re.compile(r"(\d+\.\d+)W\s+\d+%\s+\d+%\s*$")


def recognizes(text: str) -> bool:
    """Whether it has this tool's headline, or its lines."""
    return _BEGIN.search(text) is not None or _LINE.search(text) is not None


def parse(text: str) -> Capture:
    """Return the devices."""
    if _BEGIN.search(text) and not _END.search(text):
        raise CaptureError(f"The text of {_WHAT} is truncated: the line that ends its log is missing.")
    cards: dict[int, dict[str, str]] = {}
    for card, key, value in _LINE.findall(text):
        cards.setdefault(int(card), {}).setdefault(key, value)
    for row in _ROW.finditer(text):
        cards.setdefault(int(row[1]), {}).update(_of_row(row, text[row.end() :]))
    if not cards:
        raise CaptureError(f"The text of {_WHAT} names no device.")
    return Capture(system="Linux", accelerators=devices_of_cards(cards))


def _of_row(row: re.Match[str], below: str) -> dict[str, str]:
    """Return the facts of one row of the table and of the line below it, by the keys that rocm-smi has for them."""
    facts = {"Device ID": row[2]}
    if (partition := _PARTITION.search(row[3])) is not None:
        facts["Compute Partition"] = partition[1]
    if (cap := _POWER_CAP.search(row[3])) is not None:
        facts["Max Graphics Package Power (W)"] = cap[1]
    if (name := _NAME.match(below)) is not None:
        facts["Card Series"] = name[1]
    return facts


FORMAT = Format(name=_WHAT, recognizes=recognizes, parse=parse)
