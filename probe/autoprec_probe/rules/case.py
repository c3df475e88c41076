"""What a rule is asked to judge."""

from dataclasses import dataclass
from typing import Literal

from autoprec_probe.candidate import Candidate, Device
from autoprec_probe.precision import BITSANDBYTES
from autoprec_probe.profile import Accelerator, HardwareProfile

Platform = Literal["cpu", "nvidia", "amd", "xpu", "mps", "tpu", "hpu", "xla-cpu"]
"""A device together with who made it, and who compiles for it: AMD's devices call themselves `cuda`, and answer
differently; so does a CPU for which XLA compiles."""

NumberFormat = Literal["fp32", "fp64", "bf16", "fp16", "fp8", "emulated-fp8", "4-bit", "int8"]

FORMATS: dict[str, NumberFormat] = {
    "32-true": "fp32",
    "64-true": "fp64",
    "bf16-mixed": "bf16",
    "bf16-true": "bf16",
    "16-mixed": "fp16",
    "16-true": "fp16",
    "transformer-engine": "fp8",
    "transformer-engine-float16": "fp8",
    **{each: "int8" if "int8" in each else "4-bit" for each in BITSANDBYTES},
}
"""The number format whose arithmetic decides about a built-in precision; for bitsandbytes, that of the weights."""


@dataclass(frozen=True, kw_only=True)
class Case:
    """One candidate on one device of one machine."""

    candidate: Candidate
    profile: HardwareProfile
    device: Device
    accelerator: Accelerator | None
    """The device to run on; None for a CPU, and where the machine has no readable device of this kind."""

    @property
    def number_format(self) -> NumberFormat:
        """The number format that decides."""
        number_format = FORMATS[self.candidate.precision]
        return "emulated-fp8" if number_format == "fp8" and self.candidate.emulate else number_format

    def lacks(self, package: str) -> bool:
        """Whether a package is known not to be installed; one that the profile was not asked about is not."""
        packages = self.profile.software.packages
        return package in packages and packages[package] is None

    @property
    def platform(self) -> Platform:
        """Whose rules apply."""
        if self.device == "cpu" and self.candidate.strategy == "xla":
            return "xla-cpu"
        if self.device != "cuda":
            return self.device
        return "amd" if self.accelerator is not None and self.accelerator.vendor == "AMD" else "nvidia"

    @property
    def present(self) -> Accelerator:
        """The device, once the device gate has seen that there is one."""
        assert self.accelerator is not None, "the device gate lets no case without a device through"
        return self.accelerator

    @property
    def device_name(self) -> str:
        """The device as a sentence names it."""
        if self.device == "cpu":
            cpu = self.profile.cpu
            return cpu.model_name or cpu.microarchitecture or f"this {cpu.architecture} CPU"
        return (self.accelerator.name if self.accelerator is not None else None) or f"this {self.device} device"
