"""The profile of a machine that is not at hand, from nothing but its hardware key."""

import re

from autoprec_probe.catalog.accelerator import AcceleratorFacts
from autoprec_probe.catalog.lookup import accelerator_by_key, architecture
from autoprec_probe.errors import CatalogError
from autoprec_probe.features import instruction_family
from autoprec_probe.key import RANKED_FEATURES, SLICE_SUFFIX, device_key
from autoprec_probe.microarchitecture import apple_microarchitecture
from autoprec_probe.profile import Accelerator, Cpu, HardwareProfile, Slice, Software

_CPU_KEY = re.compile(r"cpu-(?P<family>[a-z0-9_]+)-(?P<feature>[a-z0-9_]+?)(-(?P<cores>[1-9]\d*)c)?")

_ARCHITECTURES = {"x86": "x86_64", "arm": "aarch64", "power": "ppc64le", "s390": "s390x", "riscv": "riscv64"}

_AVX2 = ("avx", "avx2", "f16c", "fma", "sse2")
_AVX512 = (*_AVX2, "avx512bw", "avx512dq", "avx512f", "avx512vl")
_AVX512_BF16 = (*_AVX512, "avx512_bf16", "avx512_vnni")
_AVX512_FP16 = (*_AVX512_BF16, "avx512_fp16")
_AMX = (*_AVX512_FP16, "amx_bf16", "amx_int8", "amx_tile")
_ASIMDHP = ("asimd", "asimdhp", "fphp")

_IMPLIED: dict[tuple[str, str], tuple[str, ...]] = {
    ("x86", "amx_fp16"): (*_AMX, "amx_fp16"),
    ("x86", "amx_bf16"): _AMX,
    ("x86", "avx512_fp16"): _AVX512_FP16,
    ("x86", "avx512_bf16"): _AVX512_BF16,
    ("x86", "avx512f"): _AVX512,
    ("x86", "avx2"): _AVX2,
    ("x86", "base"): ("sse2",),
    ("arm", "bf16"): (*_ASIMDHP, "bf16"),
    ("arm", "asimdhp"): _ASIMDHP,
    ("arm", "base"): ("asimd",),
}
"""A key names one feature: these are what every processor on sale that has it has too."""


def profile_from_key(key: str) -> HardwareProfile:
    """Return a profile with this hardware key: one such device, and software of which nothing is known.

    Args:
        key: That of an accelerator of the catalogue, such as ``nvidia-h100-80gb-hbm3``, or of a CPU, such as
            ``cpu-x86-avx512_bf16-2c``.

    Raises:
        CatalogError: The catalogue has no such accelerator, or the key is none of a CPU.
    """
    if key.startswith("cpu-"):
        return _profile(_cpu(key))
    whole, is_slice, kind = key.partition(SLICE_SUFFIX)
    accelerator = _accelerator(accelerator_by_key(whole), whole)
    if is_slice:
        slices = (Slice(name=kind.removeprefix("-")),) if kind else ()
        part = {"partitioned": True, "slices": slices, "memory_total_bytes": None}
        accelerator = accelerator.model_copy(update=part)
    return _profile(_host(accelerator), accelerator)


def _profile(cpu: Cpu, *accelerators: Accelerator) -> HardwareProfile:
    system = "Darwin" if cpu.vendor == "Apple" else "Linux"
    return HardwareProfile(system=system, cpu=cpu, accelerators=accelerators, software=Software(python="unknown"))


def _host(accelerator: Accelerator) -> Cpu:
    """Return the processor beside an accelerator: Apple's own, else one of which nothing is known."""
    if accelerator.kind != "mps":
        return Cpu(architecture="x86_64")
    name = accelerator.name or ""
    return Cpu(
        architecture="aarch64",
        vendor="Apple",
        model_name=name,
        microarchitecture=apple_microarchitecture(name),
    )


def _accelerator(facts: AcceleratorFacts, key: str) -> Accelerator:
    row = architecture(facts.architecture)
    assert row is not None, "the catalogue knows the architecture of every row"
    return Accelerator(
        kind=row.device,
        index=0,
        vendor=facts.vendor,
        name=next(name for name in facts.names if device_key(facts.vendor, name) == key),
        architecture=facts.architecture,
        compute_capability=facts.compute_capability,
        gfx_target=facts.gfx_target,
        memory_total_bytes=facts.memory_total_bytes,
    )


def _cpu(key: str) -> Cpu:
    found = _CPU_KEY.fullmatch(key)
    if found is None:
        raise CatalogError(
            f"{key!r} is no key of a CPU. One looks like cpu-x86-avx512_bf16-2c: family, feature, cores."
        )
    family, feature = found["family"], found["feature"]
    architecture_name = _ARCHITECTURES.get(family, family)
    allowed = (*RANKED_FEATURES.get(family, ()), "base")
    if feature not in allowed or instruction_family(architecture_name) != family:
        raise CatalogError(
            f"{key!r} is no key of a CPU. Families: {', '.join(_ARCHITECTURES)}. Features of {family!r}: "
            f"{', '.join(allowed)}."
        )
    cores = int(found["cores"]) if found["cores"] else None
    return Cpu(
        architecture=architecture_name,
        logical_cores=cores,
        usable_cores=cores,
        features=tuple(sorted(_IMPLIED.get((family, feature), ()))),
    )
