"""A workload in the words of the doctor: what its child process tells of it, free of torch."""

from collections.abc import Iterator

from pydantic import BaseModel, ConfigDict

from autoprec_runner.trial import Mode

_FLOAT32_BYTES = 4


class _Trait(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class LinearShape(_Trait):
    """All linear layers of one shape."""

    first: str
    """The name of the first of them; empty for the model itself."""
    count: int
    in_features: int
    out_features: int
    misfit: str | None = None
    """Why none of them can be replaced by a layer of another precision, if none can."""

    @property
    def weights(self) -> int:
        """The number of their weights: two floating-point operations each, for every row."""
        return self.count * self.in_features * self.out_features


class ParameterGroup(_Trait):
    """One group of an optimizer's parameters; None where it has no such setting."""

    parameters: int
    """How many numbers there are in it."""
    learning_rate: float | None = None
    eps: float | None = None
    second_moment_decay: float | None = None
    """Adam's second beta: what remains of the mean squared gradient from one step to the next."""
    adaptive: bool = False
    """Whether a step is about as large as the learning rate, whatever the gradient (Adam and its relatives)."""


class OptimizerTraits(_Trait):
    """How the weights are updated."""

    name: str
    groups: tuple[ParameterGroup, ...]
    needs_closure: bool = False
    """Whether a step evaluates the loss by itself (LBFGS)."""
    handles_unscaling: bool = False
    """Whether a step divides gradients by the scale of a gradient scaler by itself, as fused optimizers do."""
    fused: bool = False
    state_tensors: int | None = None
    """How many numbers it keeps for each parameter; None where that is not known."""


class WeightTraits(_Trait):
    """What the weights are like."""

    given_dtype: str
    """The dtype in which most of them were given, such as `bfloat16`."""
    fit_bfloat16: bool = False
    """Whether every number of every matrix is one of bfloat16, as in a checkpoint that was trained in it."""
    largest: float = 0.0
    largest_name: str = ""
    """The parameter with the largest number."""
    typical: float | None = None
    """The median size of a number in the trained matrices; None where there is none."""


class WorkloadTraits(_Trait):
    """Everything about a workload that a rule may ask for. All counts are of numbers, not of bytes."""

    mode: Mode
    parameters: int
    trained_parameters: int
    weights: WeightTraits
    linears: tuple[LinearShape, ...] = ()
    input_dtypes: tuple[str, ...] = ()
    """The dtypes of the tensors in the first batch, each once."""
    rows: int | None = None
    """Rows that a linear layer sees in a step, samples or tokens; None where the input does not tell (images)."""
    compiled: bool = False
    """Whether a part of the model has been given to `torch.compile`."""
    optimizer: OptimizerTraits | None = None

    @property
    def groups(self) -> tuple[ParameterGroup, ...]:
        """The groups of the optimizer; none in inference."""
        return self.optimizer.groups if self.optimizer else ()

    @property
    def state_bytes(self) -> int | None:
        """What weights, gradients and optimizer state take in float32; None where the optimizer's part is unknown."""
        if self.optimizer is None:
            return _FLOAT32_BYTES * self.parameters
        if self.optimizer.state_tensors is None:
            return None
        return _FLOAT32_BYTES * (self.parameters + (1 + self.optimizer.state_tensors) * self.trained_parameters)

    def misfits(self, multiple: int) -> Iterator[LinearShape]:
        """Yield the linear layers that do not compute FP8, whose dimensions must be multiples of `multiple`."""
        for each in self.linears:
            if each.misfit or each.in_features % multiple or each.out_features % multiple:
                yield each
