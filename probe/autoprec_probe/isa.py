"""Which instruction set torch's libraries pick on an x86 processor: what it has, less what the environment forbids.

Sources: PyTorch `aten/src/ATen/native/DispatchStub.cpp` (`compute_cpu_capability`); oneDNN, "CPU Dispatcher Control",
and `src/cpu/x64/cpu_isa_traits.hpp`. On other processors both choose by more than features, and the answer is None.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from autoprec_probe.features import instruction_family

if TYPE_CHECKING:
    from collections.abc import Mapping

    from autoprec_probe.profile import Cpu

ATEN_VARIABLE = "ATEN_CPU_CAPABILITY"
ONEDNN_VARIABLES = ("ONEDNN_MAX_CPU_ISA", "DNNL_MAX_CPU_ISA")
"""The variable that limits oneDNN, and its older name."""

_AVX2 = frozenset({"avx", "avx2", "fma"})
_AVX512 = frozenset({"avx512f", "avx512bw", "avx512dq", "avx512vl"})
_VNNI = frozenset({"avx512_vnni"})
_BF16 = frozenset({"avx512_bf16"})
_FP16 = frozenset({"avx512_fp16", "avx_vnni"})
_AMX = frozenset({"amx_tile", "amx_int8", "amx_bf16"})
_AVX2_VNNI_2 = frozenset({"avx_vnni_int8", "avx_ne_convert"})

_ONEDNN: tuple[tuple[str, frozenset[str]], ...] = (
    ("AVX512_CORE_AMX_FP16", _AVX2 | _AVX512 | _VNNI | _BF16 | _FP16 | _AMX | {"amx_fp16"}),
    ("AVX512_CORE_AMX", _AVX2 | _AVX512 | _VNNI | _BF16 | _FP16 | _AMX),
    ("AVX512_CORE_FP16", _AVX2 | _AVX512 | _VNNI | _BF16 | _FP16),
    ("AVX512_CORE_BF16", _AVX2 | _AVX512 | _VNNI | _BF16),
    ("AVX512_CORE_VNNI", _AVX2 | _AVX512 | _VNNI),
    ("AVX512_CORE", _AVX2 | _AVX512),
    ("AVX2_VNNI_2", _AVX2 | {"avx_vnni"} | _AVX2_VNNI_2),
    ("AVX2_VNNI", _AVX2 | {"avx_vnni"}),
    ("AVX2", _AVX2),
    ("AVX", frozenset({"avx"})),
    ("SSE41", frozenset()),
)
"""oneDNN's instruction sets, best first, each with all the features that it takes."""


def aten_isa(cpu: Cpu, settings: Mapping[str, str]) -> str | None:
    """Return the variant of torch's own kernels; a setting that torch does not know is ignored, as torch does."""
    if instruction_family(cpu.architecture) != "x86" or not cpu.features:
        return None
    asked = settings.get(ATEN_VARIABLE)
    if asked in {"avx512", "avx2", "default"}:
        return asked
    features = frozenset(cpu.features)
    if {*_AVX512, "fma"} <= features:
        return "avx512"
    return "avx2" if {"avx2", "fma"} <= features else "default"


def onednn_isa(cpu: Cpu, settings: Mapping[str, str]) -> str | None:
    """Return the best instruction set that oneDNN may use."""
    if instruction_family(cpu.architecture) != "x86" or not cpu.features:
        return None
    usable = usable_features(cpu, settings)
    return next(name for name, needed in _ONEDNN if needed <= usable)


def usable_features(cpu: Cpu, settings: Mapping[str, str]) -> frozenset[str]:
    """Return the features that oneDNN may use: all that the processor shows, unless a variable limits them."""
    limits = (settings[name].upper() for name in ONEDNN_VARIABLES if name in settings)
    allowed = dict(_ONEDNN).get(next(limits, ""))
    features = frozenset(cpu.features)
    return features if allowed is None else features & allowed
