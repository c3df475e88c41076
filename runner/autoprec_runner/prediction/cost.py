"""What the step of a workload does, whatever the machine: operations, bytes and memory (free of torch)."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from autoprec_runner.trial import Mode

Amount = Annotated[float, Field(ge=0, le=1e24, allow_inf_nan=False)]
"""Operations, elements or bytes of a step: finite, because what comes from elsewhere is computed with."""
Bytes = Annotated[int, Field(ge=0, le=2**53)]

Kind = Literal["product", "pointwise", "function", "normalization", "movement", "gather", "random"]
"""What kind of work an operation is: a product of matrices (also a convolution or an attention); arithmetic on single
elements; a function of single elements that takes many instructions (exp, tanh, gelu, division, root); a softmax, norm
or pooling; a cast, copy or fill; a look-up; random numbers."""
MomentOfStep = Literal["forward", "backward", "update"]


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Work(_Record):
    """Operations of one kind in one dtype, in one layer and one part of the step, taken together."""

    layer: str
    """Name of the innermost module; empty for what belongs to none, such as the loss or the optimizer."""
    moment: MomentOfStep
    kind: Kind
    dtype: str
    """What it computes in: torch's name without its prefix."""
    count: int = Field(gt=0, le=2**53)
    """How many operations, each of which has to be started."""
    flops: Amount = 0.0
    """Multiplications and additions of products, both counted; 0 for other kinds."""
    elements: Amount = 0.0
    """Elements written."""
    read_bytes: Amount = 0.0
    written_bytes: Amount = 0.0


class StepMemory(_Record):
    """Memory of one step once the optimizer has its state, in bytes; each sum is of distinct storages."""

    weights_bytes: Bytes
    """Parameters and buffers, in the dtype in which this precision keeps them."""
    gradients_bytes: Bytes
    optimizer_bytes: Bytes
    activations_bytes: Bytes
    """What autograd holds when the forward has ended."""
    peak_bytes: Bytes
    """The most that is alive at one time, everything above included."""
    peak_moment: MomentOfStep

    @property
    def temporary_bytes(self) -> int:
        """What the peak holds beyond weights, optimizer state and what it had to hold of the rest."""
        held = self.weights_bytes + self.optimizer_bytes
        return max(0, self.peak_bytes - held - max(self.gradients_bytes, self.activations_bytes))


class StepCost(_Record):
    """One step in one precision."""

    precision: str
    work: tuple[Work, ...]
    memory: StepMemory

    @property
    def flops(self) -> float:
        """Multiplications and additions of all products, both counted."""
        return sum(each.flops for each in self.work)


class WorkloadCost(_Record):
    """The step of a workload in every precision that it could be followed in."""

    name: str
    description: str
    model_fingerprint: str
    workload_key: str
    mode: Mode
    parameters: int = Field(ge=0, le=2**53)
    batch_size: int | None = None
    batches_bytes: Bytes
    """All batches of the workload, which stay in memory."""
    one_batch_bytes: Bytes
    """The first of them, which the memory of a step includes."""
    host_bytes: Bytes = 0
    """What loading the workload took of the process's memory beside its tensors: libraries that it imports."""
    assumptions: tuple[str, ...] = ()
    steps: tuple[StepCost, ...]
    unpredictable: dict[str, str] = {}
    """Why the step in a precision could not be followed, by precision."""

    def step(self, precision: str) -> StepCost | None:
        """Return the step in a precision; None where it could not be followed."""
        return next((each for each in self.steps if each.precision == precision), None)
