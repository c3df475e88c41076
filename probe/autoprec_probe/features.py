"""The processor features that decide how fast a precision runs, by the names that Linux gives them.

Sources: Linux `arch/x86/include/asm/cpufeatures.h`, `Documentation/arch/arm64/elf_hwcaps.rst`,
`arch/s390/kernel/processor.c` and `Documentation/arch/riscv/hwprobe.rst`. POWER shows no list of flags; what its cores
can follows from the version of its instruction set (`cpu_models.POWER_FEATURES`).
"""

from collections.abc import Iterable

X86 = frozenset(
    {
        "sse2",
        "avx",
        "avx2",
        "fma",
        "f16c",
        "avx512f",
        "avx512bw",
        "avx512vl",
        "avx512dq",
        "avx512_vnni",
        "avx512_bf16",
        "avx512_fp16",
        "avx_vnni",
        "avx_vnni_int8",
        "avx_ne_convert",
        "amx_tile",
        "amx_int8",
        "amx_bf16",
        "amx_fp16",
    }
)
"""x86: the widths that fp32 and fp64 run at, conversions, and the half-precision and integer units."""

ARM = frozenset(
    {
        "asimd",
        "fphp",
        "asimdhp",
        "asimdfhm",
        "asimddp",
        "bf16",
        "i8mm",
        "sve",
        "sve2",
        "sve2p1",
        "svebf16",
        "svei8mm",
        "ebf16",
        "sveebf16",
        "sveb16b16",
        "sme",
        "sme2",
        "smef32f32",
        "smef16f32",
        "smeb16f32",
        "smei8i32",
        "smef16f16",
        "smeb16b16",
        "f8fma",
        "f8dp2",
        "f8dp4",
    }
)
"""ARM: the same."""

POWER = frozenset({"altivec", "vsx", "mma"})
"""POWER: vectors of fp32, vectors of fp64, and the matrix units, which take bf16, fp16 and int8 too."""

S390 = frozenset({"vx", "vxe", "vxe2", "vxe3", "nnpa"})
"""IBM Z: vectors of fp64, of fp32 (vxe), and the accelerator for neural networks."""

RISCV = frozenset({"v", "zfh", "zfhmin", "zvfh", "zvfhmin", "zfbfmin", "zvfbfmin", "zvfbfwma"})
"""RISC-V: vectors, fp16 (`zfh`, `zvfh`) and bf16 (`zvfbfwma` multiplies, the others convert)."""

BF16_COMPUTE = frozenset({"avx512_bf16", "amx_bf16", "bf16"})
"""Any of these multiplies bf16 without a detour through fp32."""

FP16_COMPUTE = frozenset({"avx512_fp16", "amx_fp16", "asimdhp"})
"""Any of these multiplies fp16 without a detour through fp32."""

_RELEVANT = {"x86": X86, "arm": ARM, "power": POWER, "s390": S390, "riscv": RISCV}

_FAMILIES = {
    "x86_64": "x86",
    "i386": "x86",
    "i486": "x86",
    "i586": "x86",
    "i686": "x86",
    "aarch64": "arm",
    "ppc64": "power",
    "ppc64le": "power",
    "s390x": "s390",
    "riscv32": "riscv",
    "riscv64": "riscv",
}


def instruction_family(architecture: str) -> str:
    """Return `x86`, `arm`, `power`, `s390` or `riscv` for what `uname -m` says, or that itself if it is another."""
    return "arm" if architecture.startswith("arm") else _FAMILIES.get(architecture, architecture)


def relevant_features(family: str, flags: Iterable[str]) -> tuple[str, ...]:
    """Return those of a processor's flags that matter to precision, sorted."""
    return tuple(sorted(_RELEVANT.get(family, frozenset()).intersection(flags)))
