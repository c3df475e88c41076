"""Models and hardware over HTTP: what was measured, in short."""

from typing import Annotated

from fastapi import APIRouter, Body, HTTPException

from autoprec_runner.description import ModelDescription
from autoprec_runner.trial import Mode
from autoprec_service.outcome import Outcome
from autoprec_service.summaries import HardwareSummary, ModelSummary
from autoprec_service.web.examples import DESCRIPTION, shown
from autoprec_service.web.parameters import (
    Accesses,
    After,
    Filter,
    Identifier,
    Limit,
    Reader,
    Reporter,
    Search,
    TenantStore,
    routes,
)
from autoprec_service.web.problem import problems

Described = Annotated[ModelDescription, Body(openapi_examples=shown(DESCRIPTION))]


def model_routes() -> APIRouter:
    """Return the routes of models."""
    found = routes("models")

    @found.put("/models/{fingerprint}", operation_id="describeModel", responses=problems(400, 409, 413))
    def describe(
        *, fingerprint: Identifier, description: Described, store: TenantStore, who: Reporter, access: Accesses
    ) -> ModelDescription:
        """Store what may be told of a model, figures and never code or weights; an earlier description is replaced."""
        if description.model_fingerprint != fingerprint:
            raise HTTPException(
                409,
                f"The description is of the model {description.model_fingerprint!r}: put it to the path of that one.",
            )
        store.save_description(description)
        access.audit.note(who, "report", f"model {fingerprint}")
        return description

    @found.get("/models", operation_id="listModels")
    def models(
        *, store: TenantStore, _: Reader, search: Search = None, after: After = None, limit: Limit = 100
    ) -> list[ModelSummary]:
        """List the models that were measured or described, one page at a time; `after` is a fingerprint."""
        return store.models(search=search, limit=limit, after=after)

    @found.get("/models/{fingerprint}", operation_id="getModel", responses=problems(404))
    def model(fingerprint: Identifier, store: TenantStore, _: Reader) -> ModelDescription:
        """Return the description of a model."""
        described = store.description(fingerprint)
        if described is None:
            raise HTTPException(
                404,
                f"No model {fingerprint!r} was described: PUT /models/{{fingerprint}} does that. GET /models lists the "
                "models that were measured or described.",
            )
        return described

    return found


def hardware_routes() -> APIRouter:
    """Return the routes of hardware."""
    found = routes("hardware")

    @found.get("/hardware", operation_id="listHardware")
    def hardware(
        *, store: TenantStore, _: Reader, search: Search = None, after: After = None, limit: Limit = 100
    ) -> list[HardwareSummary]:
        """List the hardware that was measured on or that machines report, one page at a time; `after` is a key."""
        return store.hardware(search=search, limit=limit, after=after)

    return found


def outcome_routes() -> APIRouter:
    """Return the routes of outcomes."""
    found = routes("outcomes")

    @found.get("/outcomes", operation_id="listOutcomes")
    def outcomes(
        *,
        store: TenantStore,
        _: Reader,
        model_fingerprint: Filter = None,
        hardware_key: Filter = None,
        study_id: Filter = None,
        mode: Mode | None = None,
        after: After = None,
        limit: Limit = 100,
    ) -> list[Outcome]:
        """List how each candidate of each study ended, one page at a time; `after` is the id of a trial."""
        return store.outcomes(
            model_fingerprint=model_fingerprint,
            hardware_key=hardware_key,
            study_id=study_id,
            mode=mode,
            after=after,
            limit=limit,
        )

    return found
