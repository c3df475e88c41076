"""What a child says of a workload once it is set up (free of torch)."""

from pydantic import BaseModel, ConfigDict

from autoprec_runner.doctor.traits import WorkloadTraits
from autoprec_runner.trial import Mode
from autoprec_runner.trials.libraries import Libraries
from autoprec_runner.workload.tried import Tried


class Prepared(BaseModel):
    """A workload as it is known after it was loaded: what its steps are, and what the doctor asks for."""

    model_config = ConfigDict(frozen=True)

    mode: Mode
    fingerprint: str
    workload_key: str
    name: str
    description: str
    assumptions: tuple[str, ...]
    batch_size: int | None
    tokens_per_batch: int | None
    parameters: int
    has_metric: bool = False
    """Whether the user gave a metric of their own."""
    threads: int
    torch: str
    fetch_seconds: float | None = None
    """What drawing one batch from the user's loader took; None where there was nothing to draw from."""
    batches: int = 1
    """How many there are; the steps take them in turn."""
    frozen_base: bool = False
    """Whether most weights of its Linear layers are frozen while something else is trained, as with adapters."""
    traits: WorkloadTraits | None = None
    """What the doctor asks for; None where the workload died before it could be described."""
    libraries: Libraries = Libraries()
    """What was imported for it."""
    tried: Tried | None = None
    """What later children of the same workload need not find out again."""
