"""The FastAPI application. Nothing that a client sends is ever imported, unpickled or executed."""

from collections.abc import Sequence
from http import HTTPStatus
from typing import Annotated, Literal

from fastapi import FastAPI, Query, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException

from autoprec_probe.agent.report import LARGEST_BODY_BYTES
from autoprec_runner.study import Constraints, Study
from autoprec_runner.trial import Mode, Objective, Trial, TrialStatus
from autoprec_service.errors import StoreError
from autoprec_service.policy import recommend
from autoprec_service.recommendation import Recommendation
from autoprec_service.store import Store
from autoprec_service.web.access import BearerTokens
from autoprec_service.web.limits import BodyLimit
from autoprec_service.web.nodes import node_routes
from autoprec_service.web.problem import Problem, problem_response

_LONGEST_PAGE = 1000
_TOLD_ERRORS = 10


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


class Health(BaseModel):
    """That the service answers."""

    status: Literal["ok"] = "ok"


class NothingMeasuredError(Exception):
    """There are no trials that a recommendation could rest on."""


def create_app(store: Store, *, tokens: Sequence[str] = ()) -> FastAPI:
    """Return the application over an open store, which stays the caller's to close.

    With `tokens`, only those who show one of them are answered.
    """
    app = FastAPI(title="autoprec", summary="Which precision, with proof.")
    app.add_exception_handler(NothingMeasuredError, _not_found)
    app.add_exception_handler(StoreError, _unavailable)
    app.add_exception_handler(HTTPException, _told)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_middleware(BodyLimit, limits={"/nodes/": LARGEST_BODY_BYTES})
    if tokens:
        app.add_middleware(BearerTokens, tokens=tokens)
    app.include_router(node_routes(store))

    @app.get("/healthz")
    def health() -> Health:
        """Tell that the service answers."""
        return Health()

    @app.get("/trials")
    def trials(
        model_fingerprint: str | None = None,
        hardware_key: str | None = None,
        status: TrialStatus | None = None,
        after: str | None = None,
        limit: Annotated[int, Query(ge=1, le=_LONGEST_PAGE)] = 100,
    ) -> list[Trial]:
        """List stored trials in the order in which they were measured, one page at a time."""
        return store.trials(
            model_fingerprint=model_fingerprint,
            hardware_key=hardware_key,
            status=status,
            after=after,
            limit=limit,
        )

    @app.get("/trials/{trial_id}", responses={404: {"model": Problem}})
    def trial(trial_id: str) -> Trial:
        """Return one trial."""
        found = store.trial(trial_id)
        if found is None:
            raise NothingMeasuredError(f"There is no trial with the id {trial_id!r}.")
        return found

    @app.post("/recommend", responses={404: {"model": Problem}})
    def recommendation(question: RecommendRequest) -> Recommendation:
        """Recommend a precision from the last study of this model on this hardware."""
        study = _study(store, question)
        constraints = Constraints(max_memory_bytes=question.max_memory_bytes, tolerance=study.constraints.tolerance)
        return recommend(store.trials(study_id=study.id), objective=question.objective, constraints=constraints)

    return app


def _study(store: Store, question: RecommendRequest) -> Study:
    found = store.studies(
        model_fingerprint=question.model_fingerprint,
        hardware_key=question.hardware_key,
        workload_key=question.workload_key,
        status="complete",
    )
    matching = [each for each in found if question.mode in {None, each.mode}]
    if not matching:
        raise NothingMeasuredError(
            f"Nothing has been measured for model {question.model_fingerprint!r} on {question.hardware_key!r}. "
            "Measure it there with: autoprec suggest WORKLOAD",
        )
    return max(matching, key=lambda each: each.started_at)


def _not_found(_: Request, error: Exception) -> JSONResponse:
    return problem_response(Problem(title="Nothing measured", status=404, detail=str(error)))


def _unavailable(_: Request, error: Exception) -> JSONResponse:
    return problem_response(Problem(title="Store cannot be used", status=503, detail=str(error)))


def _told(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    title = HTTPStatus(error.status_code).phrase
    return problem_response(
        Problem(title=title, status=error.status_code, detail=str(error.detail)),
        dict(error.headers or {}),
    )


def _invalid(_: Request, error: Exception) -> JSONResponse:
    """Say where a request differs from the schema, without repeating it: it may hold what no JSON can."""
    assert isinstance(error, RequestValidationError)
    found = [f"{'.'.join(str(each) for each in one['loc'])}: {one['msg']}" for one in error.errors()[:_TOLD_ERRORS]]
    detail = "; ".join(found).encode(errors="replace").decode()
    return problem_response(Problem(title="Request does not fit the schema", status=422, detail=detail))
