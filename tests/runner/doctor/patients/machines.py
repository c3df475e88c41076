"""Machines that no test runs on, as the probe would tell of them."""

from autoprec_probe import Accelerator, Cpu, HardwareProfile, Software
from autoprec_probe.profile import MeasuredRate

HASWELL = Cpu(architecture="x86_64", model_name="Xeon E5-2640 v3", features=("avx2", "f16c", "fma"))
ZEN4 = Cpu(architecture="x86_64", model_name="EPYC 9354", features=("avx2", "avx512_bf16", "avx512bw", "avx512f"))
M1 = Cpu(architecture="arm64", model_name="Apple M1", microarchitecture="m1", features=("asimd", "asimdhp"))
M3 = Cpu(architecture="arm64", model_name="Apple M3", microarchitecture="m3", features=("asimd", "asimdhp", "bf16"))

PACKAGES: dict[str, str | None] = {
    "torch": "2.9.0+cu128",
    "transformer-engine": "2.20.2",
    "nvidia-cublas-cu12": "12.8.4.1",
    "bitsandbytes": "0.50.0",
    "deepspeed": "0.19.8",
}


def machine(
    *accelerators: Accelerator,
    cpu: Cpu = HASWELL,
    measured: tuple[MeasuredRate, ...] = (),
    **packages: str | None,
) -> HardwareProfile:
    """Return a machine whose packages are recent unless told otherwise; `torch="2.1.0+cu118"` overrides."""
    given = {name.replace("_", "-"): version for name, version in packages.items()}
    return HardwareProfile(
        system="Darwin" if cpu.architecture == "arm64" else "Linux",
        cpu=cpu,
        accelerators=accelerators,
        software=Software(python="3.11.0", packages=PACKAGES | given),
        measured=measured,
    )


def nvidia(name: str, major: int, minor: int) -> Accelerator:
    return Accelerator(kind="cuda", index=0, vendor="NVIDIA", name=name, compute_capability=(major, minor))


T4 = machine(nvidia("Tesla T4", 7, 5))
V100 = machine(nvidia("Tesla V100-SXM2-32GB", 7, 0))
A100 = machine(nvidia("NVIDIA A100-SXM4-80GB", 8, 0))
L4 = machine(nvidia("NVIDIA L4", 8, 9))
L4_WITH_CUDA_11 = machine(nvidia("NVIDIA L4", 8, 9), torch="2.1.0+cu118")
L4_WITH_AN_OLD_CUBLAS = machine(nvidia("NVIDIA L4", 8, 9), nvidia_cublas_cu12="12.1.0.26")
H100 = machine(nvidia("NVIDIA H100 80GB HBM3", 9, 0))
B200 = machine(nvidia("NVIDIA B200", 10, 0))
MI300X = machine(
    Accelerator(kind="cuda", index=0, vendor="AMD", name="AMD Instinct MI300X", architecture="gfx942"),
    torch="2.9.0+rocm6.4",
)
TPU = machine(Accelerator(kind="tpu", index=0, vendor="Google", name="TPU v5e"), torch="2.9.0", torch_xla="2.9.0")
MAC_M1 = machine(Accelerator(kind="mps", index=0, vendor="Apple", name="Apple M1"), cpu=M1, torch="2.9.0")
MAC_M3 = machine(Accelerator(kind="mps", index=0, vendor="Apple", name="Apple M3"), cpu=M3, torch="2.9.0")
OLD_CPU = machine(torch="2.9.0+cpu")
CPU_WITH_BF16 = machine(cpu=ZEN4, torch="2.9.0+cpu")


def rate(dtype: str, tflops: float) -> MeasuredRate:
    return MeasuredRate(device="cpu", operation="matmul", dtype=dtype, tflops=tflops)


MEASURED_CPU = machine(cpu=ZEN4, measured=(rate("float32", 1.0), rate("bfloat16", 0.25)), torch="2.9.0+cpu")
FAST_OLD_CPU = machine(measured=(rate("float32", 1.0), rate("bfloat16", 1.5)), torch="2.9.0+cpu")
