"""What is asked: a model, hardware or none, and what the best has the most of."""

from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic.config import JsonDict

from autoprec_probe.candidate import Candidate
from autoprec_probe.errors import DeviceNotFoundError
from autoprec_probe.precision import known_precisions
from autoprec_probe.profile import HardwareProfile
from autoprec_runner.description import ModelDescription
from autoprec_runner.study import Constraints
from autoprec_runner.trial import Mode, Objective
from autoprec_service.advice.machines import keys_of
from autoprec_service.errors import ContradictionError

Name = Annotated[str, Field(min_length=1, max_length=128)]
_KNOWN: JsonDict = {"properties": {"precision": {"enum": list(known_precisions())}}}
"""What the description says of a candidate: a name that is unknown here may be a slip of the pen, and is refused."""


class Question(BaseModel):
    """Which precision for this model on this hardware? A fingerprint or figures are enough, never code or weights.

    Hardware is told by a key, by a profile, by the name of a node that reports, or not at all: then the question is
    about all hardware that is known here. A key beside a profile or node says which of its devices is meant.
    """

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        json_schema_extra={
            "examples": [
                {"model_fingerprint": "5f1c0e9b7a3d2468", "hardware_key": "nvidia-h100-80gb-hbm3"},
                {
                    "model_fingerprint": "5f1c0e9b7a3d2468",
                    "node": "gpu-07",
                    "objective": "memory",
                    "max_memory_bytes": 42949672960,
                    "current": {"precision": "32-true"},
                },
            ],
            "anyOf": [
                {"required": ["model_fingerprint"], "properties": {"model_fingerprint": {"type": "string"}}},
                {"required": ["description"], "properties": {"description": {"type": "object"}}},
            ],
        },
    )

    model_fingerprint: Name | None = None
    description: ModelDescription | None = None
    """What `autoprec.describe(model, batch)` returns."""
    workload_key: Name | None = None
    """One of the workloads of this model; otherwise the one that was studied last."""
    hardware_key: Name | None = None
    profile: HardwareProfile | None = None
    """What `autoprec probe --json` prints."""
    node: Name | None = None
    """A machine whose agent reports."""
    mode: Mode | None = None
    """None for the one of the description, else of the latest study."""
    objective: Objective = "throughput"
    max_memory_bytes: int | None = Field(default=None, gt=0, le=2**53)
    tolerance: float | None = Field(default=None, ge=0, allow_inf_nan=False)
    """Accepted relative loss gap or output error; what was judged under a looser one does not count. None for the one
    that each study was made with."""
    current: Candidate | None = Field(default=None, json_schema_extra=_KNOWN)
    """What the caller uses now."""

    @model_validator(mode="after")
    def _hold_together(self) -> Self:
        if self.model_fingerprint is None and self.description is None:
            raise ValueError(
                "no model: give model_fingerprint, or the description that autoprec.describe(model, batch) returns"
            )
        for problem in (self._contradicting_model(), self._contradicting_hardware()):
            if problem is not None:
                raise ContradictionError(problem)
        return self

    def _contradicting_model(self) -> str | None:
        told = self.description.model_fingerprint if self.description else None
        if None not in {self.model_fingerprint, told} and self.model_fingerprint != told:
            return f"model_fingerprint={self.model_fingerprint!r}, but the description is of {told!r}; give one of them"
        if self.description is not None and self.mode not in {None, self.description.mode}:
            return f"mode={self.mode!r}, but the description is of a step in mode {self.description.mode!r}"
        return None

    def _contradicting_hardware(self) -> str | None:
        if self.profile is not None and self.node is not None:
            return "profile and node are two machines; give one of them"
        if self.profile is None or self.hardware_key is None:
            return None
        try:
            known = keys_of(self.profile)
        except DeviceNotFoundError as error:
            return str(error)
        if self.hardware_key not in known:
            return f"hardware_key={self.hardware_key!r} is none of the profile's: {', '.join(known)}"
        return None

    @property
    def fingerprint(self) -> str:
        """The model that is asked about."""
        found = self.model_fingerprint or (self.description.model_fingerprint if self.description else None)
        assert found is not None, "a question without a model is refused"
        return found

    @property
    def constraints(self) -> Constraints:
        """What an answer must respect."""
        return Constraints(max_memory_bytes=self.max_memory_bytes, tolerance=self.tolerance)

    @property
    def is_about_everything(self) -> bool:
        """Whether no hardware is named."""
        return self.hardware_key is None and self.profile is None and self.node is None
