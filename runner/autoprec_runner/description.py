"""What may be told of a model to someone who advises on it: figures, never code or weights (free of torch)."""

from collections.abc import Hashable, Iterator

from pydantic import BaseModel, ConfigDict, Field

from autoprec_runner.doctor.traits import WorkloadTraits
from autoprec_runner.prediction.cost import StepCost, Work, WorkloadCost
from autoprec_runner.trial import Mode


class ModelDescription(BaseModel):
    """A model and its step in figures."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    model_fingerprint: str = Field(min_length=1, max_length=128)
    workload_key: str = Field(min_length=1, max_length=128)
    name: str = Field(max_length=1024)
    """How the model is called, for people."""
    mode: Mode
    parameters: int = Field(ge=0, le=2**53)
    layers: dict[str, int] = Field(default_factory=dict)
    """How many layers there are of each class."""
    cost: WorkloadCost | None = None
    """What a step does in each precision, without names of layers; None where it could not be followed."""
    traits: WorkloadTraits | None = None
    """Its linear layers by shape, its optimizer and the size of its weights; None where they were not looked at."""


def without_layers(cost: WorkloadCost) -> WorkloadCost:
    """Return a cost that names no layers; equal work of several layers is taken together, and takes as long."""
    steps = (step.model_copy(update={"work": tuple(_merged(step))}) for step in cost.steps)
    return cost.model_copy(update={"steps": tuple(steps)})


def _merged(step: StepCost) -> Iterator[Work]:
    groups: dict[Hashable, list[Work]] = {}
    for each in step.work:
        figures = each.flops, each.elements, each.read_bytes, each.written_bytes
        key = each.moment, each.kind, each.dtype, *(figure / each.count for figure in figures)
        groups.setdefault(key, []).append(each)
    for group in groups.values():
        yield Work(
            layer="",
            moment=group[0].moment,
            kind=group[0].kind,
            dtype=group[0].dtype,
            count=sum(each.count for each in group),
            flops=sum(each.flops for each in group),
            elements=sum(each.elements for each in group),
            read_bytes=sum(each.read_bytes for each in group),
            written_bytes=sum(each.written_bytes for each in group),
        )
