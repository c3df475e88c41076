"""An NVIDIA device as CUDA shows it to a workload, which of a partitioned device is one slice."""

from dataclasses import dataclass

from autoprec_probe.nvidia import ARCHITECTURES
from autoprec_probe.profile import Accelerator, Slice


@dataclass(frozen=True, kw_only=True)
class CudaDevice:
    """The properties of one device that CUDA counts."""

    index: int
    name: str
    """With a slice's profile at its end: `NVIDIA A100-SXM4-40GB MIG 1g.5gb`."""
    capability: tuple[int, int]
    memory_bytes: int | None = None
    multiprocessors: int | None = None
    uuid: str | None = None

    def accelerator(self) -> Accelerator:
        """Return the device; of one that shows only a slice, its whole memory and multiprocessors are not told."""
        name, _, profile = self.name.partition(" MIG ")
        part = Slice(name=profile, uuid=self.uuid, memory_total_bytes=self.memory_bytes)
        return Accelerator(
            kind="cuda",
            index=self.index,
            vendor="NVIDIA",
            name=name,
            uuid=None if profile else self.uuid,
            architecture=ARCHITECTURES.get(self.capability),
            compute_capability=self.capability,
            memory_total_bytes=None if profile else self.memory_bytes,
            partitioned=bool(profile),
            slices=(part,) if profile else (),
            cores=None if profile else self.multiprocessors,
        )
