"""Machines with NVIDIA devices as small descriptions, told through NVML by a library that stands in for a driver."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SOURCE = Path(__file__).parent / "fake_nvml.c"
MIB = 2**20

Facts = dict[str, object]

V100: Facts = {
    "name": "Tesla V100-SXM2-16GB",
    "uuid": "GPU-v100",
    "capability": "7.0",
    "architecture": 5,
    "memory": f"{16384 * MIB} {1 * MIB}",
    "cuda_cores": 5120,
    "power_limit": 300_000,
    "pcie": 3,
    "pcie_width": 16,
    "nvlinks": "6 6",
}
T4: Facts = {
    "name": "Tesla T4",
    "uuid": "GPU-t4",
    "capability": "7.5",
    "architecture": 6,
    "memory": f"{15360 * MIB} 0",
    "cuda_cores": 2560,
    "power_limit": 70_000,
    "pcie": 3,
    "pcie_width": 16,
}
A100: Facts = {
    "name": "NVIDIA A100-SXM4-40GB",
    "uuid": "GPU-a100",
    "capability": "8.0",
    "architecture": 7,
    "memory": f"{40960 * MIB} 0",
    "mig": 0,
    "cuda_cores": 6912,
    "power_limit": 400_000,
    "pcie": 4,
    "pcie_width": 16,
    "nvlinks": "12 12",
}
A100_IN_SLICES: Facts = A100 | {
    "mig": 1,
    "max_slices": 7,
    "slice0.name": "NVIDIA A100-SXM4-40GB MIG 3g.20gb",
    "slice0.uuid": "MIG-one",
    "slice0.memory": f"{20096 * MIB} {14 * MIB}",
    "slice2.name": "NVIDIA A100-SXM4-40GB MIG 1g.5gb",
    "slice2.uuid": "MIG-two",
    "slice2.memory": f"{4864 * MIB} {3 * MIB}",
    "nvlinks": "12 0",
}
L4: Facts = {
    "name": "NVIDIA L4",
    "uuid": "GPU-l4",
    "capability": "8.9",
    "architecture": 8,
    "memory": f"{23034 * MIB} 0",
    "cuda_cores": 7424,
    "power_limit": 72_000,
    "pcie": 4,
    "pcie_width": 16,
}
L40S: Facts = L4 | {
    "name": "NVIDIA L40S",
    "uuid": "GPU-l40s",
    "memory": f"{46068 * MIB} 0",
    "cuda_cores": 18176,
    "power_limit": 350_000,
}
H100: Facts = {
    "name": "NVIDIA H100 80GB HBM3",
    "uuid": "GPU-h100",
    "capability": "9.0",
    "architecture": 9,
    "memory": f"{81559 * MIB} {559 * MIB}",
    "mig": 0,
    "cuda_cores": 16896,
    "power_limit": 700_000,
    "pcie": 5,
    "pcie_width": 16,
    "nvlinks": "18 18",
    "utilization": 87,
    "power": 612_500,
    "sm_clock": 1755,
    "memory_clock": 2619,
    "temperature": 61,
    "throttle": "0x45",
    "energy": 123_456_789,
    "compute": 2,
    "compute0": f"4242 {400 * MIB}",
    "compute1": f"4243 {100 * MIB}",
    "graphics": 0,
}
B200: Facts = {
    "name": "NVIDIA B200",
    "uuid": "GPU-b200",
    "capability": "10.0",
    "architecture": 10,
    "memory": f"{183359 * MIB} 0",
    "mig": 0,
    "cuda_cores": 18944,
    "power_limit": 1_000_000,
    "pcie": 6,
    "pcie_width": 16,
    "nvlinks": "18 18",
}
RTX_5090: Facts = {
    "name": "NVIDIA GeForce RTX 5090",
    "uuid": "GPU-5090",
    "capability": "12.0",
    "architecture": 10,
    "memory": f"{32607 * MIB} 0",
    "cuda_cores": 21760,
}


@dataclass(frozen=True, kw_only=True)
class Machine:
    """The driver and devices that the stand-in tells of."""

    devices: tuple[Facts, ...] = ()
    driver: str = "570.86.15"
    cuda: int = 12080
    init: str | None = None

    def text(self) -> str:
        """Return the machine as the stand-in reads it."""
        facts: dict[str, object] = {"driver": self.driver, "cuda": self.cuda, "count": len(self.devices)}
        facts |= {"init": self.init} if self.init else {}
        for index, device in enumerate(self.devices):
            facts |= {f"{index}.{key}": value for key, value in device.items()}
        return "".join(f"{key} {value}\n" for key, value in facts.items())


@dataclass(frozen=True)
class Library:
    """A built stand-in, in a folder of its own where the loader finds it."""

    folder: Path

    @classmethod
    def build(cls, folder: Path, *definitions: str) -> "Library":
        """Compile the stand-in, with the C definitions that a test wants."""
        path = folder / "libnvidia-ml.so.1"
        subprocess.run(
            ["gcc", "-shared", "-fPIC", "-Wall", "-Werror", *definitions, "-o", str(path), str(SOURCE)],  # noqa: S607
            check=True,
        )
        return cls(folder)

    def run(self, script: str, *machines: Machine) -> Any:
        """Run a script in a child whose driver this is; return the JSON that it prints.

        Its `machines` are the paths of files, and `become(path)` makes the driver tell of another machine.
        """
        paths = [self.folder / f"machine{number}.txt" for number, _ in enumerate(machines)]
        for path, machine in zip(paths, machines, strict=True):
            path.write_text(machine.text())
        done = subprocess.run(
            [sys.executable, "-W", "error", "-c", PREAMBLE + script, *map(str, paths)],
            check=True,
            capture_output=True,
            text=True,
            env={**os.environ, "LD_LIBRARY_PATH": str(self.folder)},
        )
        return json.loads(done.stdout)


PREAMBLE = """
import json, os, sys
machines = sys.argv[1:]
def become(path):
    os.environ["FAKE_NVML_MACHINE"] = path
if machines:
    become(machines[0])
def show(values):
    print(json.dumps([each.model_dump(mode="json") for each in values]))
"""
