"""The modes of bitsandbytes, and the dtypes that each can compute in."""

from functools import cache
from typing import Literal, get_args

import torch

from autoprec_probe import Candidate, HardwareProfile, probe, support
from autoprec_probe.candidate import Device

Mode = Literal["nf4", "nf4-dq", "fp4", "fp4-dq", "int8", "int8-training"]

MODES: tuple[Mode, ...] = get_args(Mode)

FOUR_BIT_DTYPES = (torch.bfloat16, torch.float16, torch.float32)

_DEVICES: tuple[Device, ...] = get_args(Device)
_HALVES = {torch.bfloat16: "bf16-true", torch.float16: "16-true"}


def is_int8(mode: Mode) -> bool:
    """Whether the mode multiplies in LLM.int8() rather than with 4-bit weights."""
    return mode.startswith("int8")


def default_dtype(mode: Mode, device: str) -> torch.dtype:
    """Return the dtype that activations are kept in on a device: a half precision that it computes natively, else fp32.

    `torch.cuda.is_bf16_supported()` is not asked: it is true where bf16 is emulated. LLM.int8() rounds activations from
    float16, which it therefore gets where the device is good at it.
    """
    order = (torch.float16, torch.bfloat16) if is_int8(mode) else (torch.bfloat16, torch.float16)
    return next((dtype for dtype in order if _is_native(_HALVES[dtype], device)), torch.float32)


def _is_native(precision: str, device: str) -> bool:
    known = next((each for each in _DEVICES if each == device), None)
    return known is not None and support(Candidate(precision=precision), _profile(), known).level == "native"


@cache
def _profile() -> HardwareProfile:
    return probe()
