"""What the probe reports of one machine. Unknown is None; a device that cannot be read is an entry with an error."""

from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, computed_field, model_validator

from autoprec_probe.amd.targets import DISPLAY_ONLY
from autoprec_probe.candidate import Device, MatmulPrecision
from autoprec_probe.finding import Finding
from autoprec_probe.key import hardware_key
from autoprec_probe.known_problems import software_findings


class _Fact(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class CoreKind(_Fact):
    """Cores of one kind among those of a hybrid processor."""

    name: str | None = None
    """archspec's or the vendor's name of the core, such as `cortex_x925`; None where only its rank is known."""
    logical_cores: int


class Cpu(_Fact):
    """The processor of one machine, as the operating system shows it (a hypervisor may hide features)."""

    architecture: str
    """The instruction set family as `uname -m` spells it on Linux: x86_64, aarch64, ppc64le, s390x, riscv64."""
    vendor: str | None = None
    model_name: str | None = None
    microarchitecture: str | None = None
    """archspec's name, such as `zen5` or `sapphirerapids` (the compilers' name where archspec has none, several joined
    by `+` where the cores differ); None where only a generic level can be told."""
    physical_cores: int | None = None
    logical_cores: int | None = None
    usable_cores: int | None = None
    """Logical cores that this process may use, after affinity and, rounded up, the quota."""
    features: tuple[str, ...] = ()
    """The features that matter to precision, by their Linux flag names, sorted."""
    memory_total_bytes: int | None = None
    memory_limit_bytes: int | None = None
    """What this process may use of the memory, where a control group limits it."""
    cpu_quota: float | None = None
    """How many cores' time this process may use, where a control group limits it."""
    numa_nodes: int | None = None
    threads_per_core: int | None = None
    core_kinds: tuple[CoreKind, ...] = ()
    """The kinds of cores of a hybrid processor, fastest first; empty where all are alike or nothing tells."""
    hypervisor: bool | None = None


class Slice(_Fact):
    """One part of a partitioned accelerator (a MIG instance), which a workload has to itself."""

    name: str | None = None
    """The vendor's name of the profile, such as `1g.10gb`."""
    uuid: str | None = None
    memory_total_bytes: int | None = None


class Accelerator(_Fact):
    """One accelerator. Every field that its driver does not tell is None."""

    kind: Device
    index: int
    vendor: str
    name: str | None = None
    uuid: str | None = None
    architecture: str | None = None
    """The architecture in lower case, such as `hopper`."""
    compute_capability: tuple[int, int] | None = None
    """NVIDIA's number of what a device can compute."""
    gfx_target: str | None = None
    """AMD's name of what a device can compute, such as `gfx942`."""
    memory_total_bytes: int | None = None
    memory_free_bytes: int | None = None
    partitioned: bool | None = None
    """Whether the device is cut into slices (MIG), so that a workload gets only a part of it."""
    slices: tuple[Slice, ...] = ()
    """The parts of a partitioned device, as far as the driver tells them."""
    cores: int | None = None
    """Compute units: NVIDIA's multiprocessors, AMD's compute units, a TPU's tensor cores."""
    power_limit_watts: float | None = None
    pcie_generation: int | None = None
    """The generation and width that slot and device can agree on, not those of a link that saves power."""
    pcie_width: int | None = None
    nvlinks: int | None = None
    """How many NVLink links are up."""
    error: str | None = None
    """Why this device could not be read, if it could not."""

    @property
    def workload_memory_bytes(self) -> int | None:
        """The memory that one workload gets: the whole device's, or the first slice's of a partitioned one."""
        if not self.partitioned:
            return self.memory_total_bytes
        return self.slices[0].memory_total_bytes if self.slices else None

    def without_identity(self) -> Self:
        """Return a copy without serial numbers, its slices' included."""
        slices = tuple(each.model_copy(update={"uuid": None}) for each in self.slices)
        return self.model_copy(update={"uuid": None, "slices": slices})


class Software(_Fact):
    """Versions of what decides how a precision runs; None where the package is not installed."""

    python: str
    packages: dict[str, str | None] = Field(default_factory=dict)
    """Distribution name to version, for the packages that the probe asks for."""
    nvidia_driver: str | None = None
    rocm: str | None = None
    """The version of ROCm that is installed, or that torch was built for."""
    cuda_driver: str | None = None
    """The newest CUDA version that the driver serves, such as `12.8`."""
    torch_build: str | None = None
    """What torch was built for: `cpu`, `cuda 12.8`, `rocm 6.4` or `xpu 2025.3`."""
    onednn: str | None = None
    """The version of oneDNN inside torch."""
    aten_isa: str | None = None
    """Which variant of its own kernels torch picks here, as `ATEN_CPU_CAPABILITY` spells it: avx512, avx2, default."""
    onednn_isa: str | None = None
    """The best instruction set that oneDNN uses here, as `ONEDNN_MAX_CPU_ISA` spells it."""
    settings: dict[str, str] = Field(default_factory=dict)
    """Environment variables that change what torch makes of a precision, as far as they are set."""


class MeasuredRate(_Fact):
    """What a device was measured to reach, as opposed to what its flags promise."""

    device: Device
    operation: Literal["matmul", "copy", "launch"]
    """A product of large matrices, a copy, or a product so small that its time is what starting it takes."""
    dtype: str
    """torch's name without its prefix, such as `bfloat16`."""
    matmul_precision: MatmulPrecision = "highest"
    """What float32 products may use inside; a device has several rates of float32 where this matters."""
    tflops: float | None = None
    """10^12 multiplications and additions a second, for a product."""
    gbytes_per_second: float | None = None
    """10^9 bytes read and written a second, for a copy."""
    touched_bytes: int | None = None
    """The memory that a copy or a launch went through: what fits into a cache is copied faster."""
    seconds: float | None = None
    """How long it takes to start an operation, for a launch."""
    error: str | None = None
    """Why there is no rate: it was cut off, or torch refused."""


class HardwareProfile(_Fact):
    """One machine: its processor, its accelerators and the software that drives them."""

    system: str
    """The operating system as `platform.system()` names it: Linux, Darwin, Windows."""
    cpu: Cpu
    accelerators: tuple[Accelerator, ...] = ()
    software: Software
    measured: tuple[MeasuredRate, ...] = ()
    """What `autoprec probe --measure` found on this machine."""

    @computed_field  # type: ignore[prop-decorator]
    @property
    def key(self) -> str:
        """The short stable name of this machine under which results are kept."""
        return self.key_for(self.default_device)

    @computed_field  # type: ignore[prop-decorator]
    @property
    def findings(self) -> tuple[Finding, ...]:
        """Known problems of this software on this hardware."""
        return software_findings(self)

    @property
    def default_device(self) -> Device:
        """Where a workload runs unless told otherwise: the first accelerator that torch can use, else the CPU."""
        usable = (each for each in self.accelerators if each.error is None and each.gfx_target not in DISPLAY_ONLY)
        return next((each.kind for each in usable), "cpu")

    def key_for(self, device: Device) -> str:
        """Return the hardware key of results measured on `device` of this machine."""
        return hardware_key(self, device)

    @model_validator(mode="before")
    @classmethod
    def _derive_anew(cls, data: Any) -> Any:
        """Accept what `model_dump` gives, whose key and findings follow from the other fields."""
        derived = {"key", "findings"}
        return {name: value for name, value in data.items() if name not in derived} if isinstance(data, dict) else data

    def without_identity(self) -> Self:
        """Return a copy without serial numbers, to be shared."""
        return self.model_copy(update={"accelerators": tuple(each.without_identity() for each in self.accelerators)})

    def without_live_values(self) -> Self:
        """Return a copy without what changes from moment to moment, so that two looks at one machine are equal."""
        still = tuple(each.model_copy(update={"memory_free_bytes": None}) for each in self.accelerators)
        return self.model_copy(update={"accelerators": still})
