"""The recommendation over HTTP."""

from fastapi import APIRouter, HTTPException
from pydantic import BaseModel, ConfigDict, Field

from autoprec_runner.study import Constraints, Study
from autoprec_runner.trial import Mode, Objective
from autoprec_service.policy import recommend
from autoprec_service.recommendation import Recommendation
from autoprec_service.store import Store
from autoprec_service.web.parameters import Counted, Reader, TenantStore, routes
from autoprec_service.web.problem import problems


class RecommendRequest(BaseModel):
    """Which precision for this model on this hardware? Only a fingerprint is needed, never code or weights."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [{"model_fingerprint": "5f1c0e9b7a3d2468", "hardware_key": "nvidia-h100-80gb-hbm3"}],
        },
    )

    model_fingerprint: str = Field(min_length=1, max_length=128)
    hardware_key: str = Field(min_length=1, max_length=128)
    workload_key: str | None = Field(default=None, max_length=128)
    """One of the workloads of this model; otherwise the one that was studied last."""
    mode: Mode | None = None
    objective: Objective = "throughput"
    max_memory_bytes: int | None = Field(default=None, gt=0)


def recommend_routes() -> APIRouter:
    """Return the route of recommendations."""
    found = routes("advice")

    @found.post("/recommend", operation_id="recommend", responses=problems(400, 404, 413))
    def recommendation(
        *, question: RecommendRequest, store: TenantStore, _: Reader, metrics: Counted
    ) -> Recommendation:
        """Recommend a precision from the last study of this model on this hardware."""
        study = _study(store, question)
        constraints = Constraints(max_memory_bytes=question.max_memory_bytes, tolerance=study.constraints.tolerance)
        answer = recommend(store.trials(study_id=study.id), objective=question.objective, constraints=constraints)
        metrics.count_recommendation(answer)
        return answer

    return found


def _study(store: Store, question: RecommendRequest) -> Study:
    found = store.studies(
        model_fingerprint=question.model_fingerprint,
        hardware_key=question.hardware_key,
        workload_key=question.workload_key,
        status="complete",
    )
    matching = [each for each in found if question.mode in {None, each.mode}]
    if not matching:
        raise HTTPException(
            404,
            f"Nothing has been measured for model {question.model_fingerprint!r} on {question.hardware_key!r}. "
            "Measure it there with: autoprec suggest WORKLOAD",
        )
    return max(matching, key=lambda each: each.started_at)
