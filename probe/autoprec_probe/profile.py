"""What the probe reports of one machine. Unknown is None; a device that cannot be read is an entry with an error."""

from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field, computed_field, model_validator

from autoprec_probe.candidate import Device


class _Fact(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


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
    """Logical cores that this process may use, after affinity."""
    features: tuple[str, ...] = ()
    """The features that matter to precision, by their Linux flag names, sorted."""
    memory_total_bytes: int | None = None
    hypervisor: bool | None = None


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
    memory_total_bytes: int | None = None
    memory_free_bytes: int | None = None
    partitioned: bool | None = None
    """Whether the device is cut into slices (MIG), so that a workload gets only a part of it."""
    error: str | None = None
    """Why this device could not be read, if it could not."""


class Software(_Fact):
    """Versions of what decides how a precision runs; None where the package is not installed."""

    python: str
    packages: dict[str, str | None] = Field(default_factory=dict)
    """Distribution name to version, for the packages that the probe asks for."""
    nvidia_driver: str | None = None
    cuda_driver: str | None = None
    """The newest CUDA version that the driver serves, such as `12.8`."""


class HardwareProfile(_Fact):
    """One machine: its processor, its accelerators and the software that drives them."""

    system: str
    """The operating system as `platform.system()` names it: Linux, Darwin, Windows."""
    cpu: Cpu
    accelerators: tuple[Accelerator, ...] = ()
    software: Software

    @computed_field  # type: ignore[prop-decorator]
    @property
    def key(self) -> str:
        """The short stable name of this machine under which results are kept."""
        return self.key_for(self.default_device)

    @property
    def default_device(self) -> Device:
        """Where a workload runs unless told otherwise: the first readable accelerator, else the CPU."""
        return next((each.kind for each in self.accelerators if each.error is None), "cpu")

    def key_for(self, device: Device) -> str:
        """Return the hardware key of results measured on `device` of this machine."""
        from autoprec_probe.key import hardware_key  # noqa: PLC0415 (the key is derived from this schema)

        return hardware_key(self, device)

    @model_validator(mode="before")
    @classmethod
    def _derive_the_key_anew(cls, data: Any) -> Any:
        """Accept what `model_dump` gives, whose key follows from the other fields."""
        return {name: value for name, value in data.items() if name != "key"} if isinstance(data, dict) else data

    def without_identity(self) -> Self:
        """Return a copy without serial numbers, to be shared."""
        return self.model_copy(
            update={"accelerators": tuple(each.model_copy(update={"uuid": None}) for each in self.accelerators)},
        )
