"""CPUID leaves, as numbers: lines of leaf, subleaf, EAX, EBX, ECX, EDX, or what `cpuid -r` prints.

Sources: Intel SDM volume 2, CPUID; AMD APM volume 3, appendix E. Lines of numbers are how archspec records Windows.
"""

import re

from autoprec_probe.captures.capture import Capture, Format
from autoprec_probe.cpuinfo import CpuInfo
from autoprec_probe.errors import CaptureError
from autoprec_probe.identity import identify

_WHAT = "CPUID leaves"
Registers = tuple[int, int, int, int]
"""EAX, EBX, ECX, EDX."""
Leaves = dict[tuple[int, int], Registers]

_NUMBERS = re.compile(r"^\s*(\d+),\s*(\d+),\s*(\d+),\s*(\d+),\s*(\d+),\s*(\d+)\s*$", re.MULTILINE)
_RAW = re.compile(
    r"^\s*0x([0-9a-f]{8}) 0x([0-9a-f]{2}): eax=0x([0-9a-f]+) ebx=0x([0-9a-f]+) ecx=0x([0-9a-f]+) edx=0x([0-9a-f]+)",
    re.MULTILINE,
)
_EAX, _EBX, _ECX, _EDX = range(4)
_BITS: dict[str, tuple[int, int, int, int]] = {
    "sse2": (1, 0, _EDX, 26),
    "ssse3": (1, 0, _ECX, 9),
    "fma": (1, 0, _ECX, 12),
    "avx": (1, 0, _ECX, 28),
    "f16c": (1, 0, _ECX, 29),
    "hypervisor": (1, 0, _ECX, 31),
    "avx2": (7, 0, _EBX, 5),
    "avx512f": (7, 0, _EBX, 16),
    "avx512dq": (7, 0, _EBX, 17),
    "avx512bw": (7, 0, _EBX, 30),
    "avx512vl": (7, 0, _EBX, 31),
    "avx512_vnni": (7, 0, _ECX, 11),
    "amx_bf16": (7, 0, _EDX, 22),
    "avx512_fp16": (7, 0, _EDX, 23),
    "amx_tile": (7, 0, _EDX, 24),
    "amx_int8": (7, 0, _EDX, 25),
    "avx_vnni": (7, 1, _EAX, 4),
    "avx512_bf16": (7, 1, _EAX, 5),
    "amx_fp16": (7, 1, _EAX, 21),
    "avx_vnni_int8": (7, 1, _EDX, 4),
    "avx_ne_convert": (7, 1, _EDX, 5),
    "lm": (0x80000001, 0, _EDX, 29),
}
"""Leaf, subleaf, register and bit of each flag, by Linux's name."""


def recognizes(text: str) -> bool:
    """Whether every line is numbers and the first leaf is there."""
    return bool(_RAW.search(text)) or bool(_NUMBERS.match(text) and re.match(r"\s*0,\s*0,", text))


def parse(text: str) -> Capture:
    """Return the processor; what the operating system switched off does not show in these numbers."""
    leaves = _leaves(text)
    if (0, 0) not in leaves or (1, 0) not in leaves:
        raise CaptureError(f"The {_WHAT} are truncated: leaf 0 or leaf 1 is missing.")
    _, ebx, ecx, edx = leaves[0, 0]
    flags = " ".join(flag for flag, place in _BITS.items() if _is_set(leaves, *place))
    block = {
        "vendor_id": _characters((ebx, edx, ecx)),
        "model name": _brand(leaves),
        "flags": flags,
        **_signature(leaves),
    }
    identity = identify("x86", CpuInfo(blocks=({name: text for name, text in block.items() if text},)))
    return Capture(cpu={"architecture": "x86_64" if "lm" in flags.split() else "i686", **identity})


def _leaves(text: str) -> Leaves:
    numbers = [tuple(map(int, found.groups())) for found in _NUMBERS.finditer(text)]
    numbers += [tuple(int(each, 16) for each in found.groups()) for found in _RAW.finditer(text)]
    leaves: Leaves = {}
    for leaf, subleaf, eax, ebx, ecx, edx in numbers:
        leaves.setdefault((leaf, subleaf), (eax, ebx, ecx, edx))
    return leaves


def _is_set(leaves: Leaves, leaf: int, subleaf: int, register: int, bit: int) -> bool:
    return (leaf, subleaf) in leaves and bool(leaves[leaf, subleaf][register] >> bit & 1)


def _signature(leaves: Leaves) -> dict[str, str]:
    """Return family, model and stepping, whose extensions count from family 15 (and for models from 6) on."""
    eax = leaves[1, 0][_EAX]
    base, extension = eax >> 8 & 0xF, eax >> 20 & 0xFF
    family = base + extension if base == 0xF else base  # noqa: PLR2004 (of the manual)
    model = (eax >> 4 & 0xF) | ((eax >> 16 & 0xF) << 4 if base in {0x6, 0xF} else 0)
    return {"cpu family": str(family), "model": str(model), "stepping": str(eax & 0xF)}


def _brand(leaves: Leaves) -> str:
    registers = [each for leaf in (0x80000002, 0x80000003, 0x80000004) for each in leaves.get((leaf, 0), ())]
    return _characters(tuple(registers)).strip()


def _characters(registers: tuple[int, ...]) -> str:
    return b"".join(each.to_bytes(4, "little") for each in registers).decode("ascii", "replace").replace("\0", "")


FORMAT = Format(name=_WHAT, recognizes=recognizes, parse=parse)
