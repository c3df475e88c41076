"""What is measured of a device, in which order (free of torch)."""

from dataclasses import dataclass
from typing import Literal

from autoprec_probe.candidate import Device, MatmulPrecision

MIB = 2**20
_FLOATING = ("float32", "bfloat16", "float16", "float64")
_FEW_BITS = ("int8", "float8_e4m3fn")
_LOWER_MATMUL: dict[Device, MatmulPrecision] = {"cpu": "medium", "cuda": "high", "xpu": "high"}
"""Where a lower matmul precision may mean something: TF32 on CUDA and XPU, oneDNN's choice on a CPU."""
_COPIED_BYTES: dict[str, tuple[int, ...]] = {"cpu": (4 * MIB, 256 * MIB)}
_COPIED_ELSEWHERE = (512 * MIB,)
"""On a CPU, what fits into its caches and what does not: activations of small models never see the memory."""
_LAUNCHED_SIZES = (16, 32)
"""Of the products whose time is their start: one that runs at once, and one that goes to oneDNN, which takes products
of more than 16x16x16 (ATen/native/mkldnn/Matmul.cpp), and to several threads."""
_ITEM_BYTES = {"float64": 8, "float32": 4}
_HALF_BYTES = 2
_NO_FLOAT64: tuple[Device, ...] = ("mps",)


@dataclass(frozen=True, kw_only=True)
class Subject:
    """One rate to be measured."""

    operation: Literal["matmul", "copy", "launch"]
    dtype: str
    matmul_precision: MatmulPrecision = "highest"
    size: int | None = None
    """Of the square matrices, for a launch."""
    touched_bytes: int | None = None
    """Bytes read plus bytes written, for a copy and a launch."""


def subjects(device: Device) -> tuple[Subject, ...]:
    """Return what is measured of a device; fp32 comes first, as others are told in its terms."""
    floating = [each for each in _FLOATING if not (each == "float64" and device in _NO_FLOAT64)]
    products = [Subject(operation="matmul", dtype=each) for each in floating]
    if device in _LOWER_MATMUL:
        lower = Subject(operation="matmul", dtype="float32", matmul_precision=_LOWER_MATMUL[device])
        products.insert(1, lower)
    launches = [_launch(dtype, size) for size in _LAUNCHED_SIZES for dtype in floating]
    copies = [
        Subject(operation="copy", dtype=dtype, touched_bytes=touched)
        for touched in _COPIED_BYTES.get(device, _COPIED_ELSEWHERE)
        for dtype in floating
    ]
    return (*products, *launches, *copies, *(Subject(operation="matmul", dtype=each) for each in _FEW_BITS))


def _launch(dtype: str, size: int) -> Subject:
    touched = 3 * size**2 * _ITEM_BYTES.get(dtype, _HALF_BYTES)
    return Subject(operation="launch", dtype=dtype, size=size, touched_bytes=touched)
