"""Trials over HTTP."""

from typing import Annotated

from fastapi import APIRouter, Body, HTTPException

from autoprec_runner.trial import Mode, Trial, TrialStatus
from autoprec_service.web.examples import TRIAL, shown
from autoprec_service.web.parameters import (
    LONGEST_BATCH,
    Accesses,
    After,
    Counted,
    Filter,
    Identifier,
    Limit,
    Reader,
    Reporter,
    TenantStore,
    routes,
)
from autoprec_service.web.problem import problems
from autoprec_service.web.receipts import Stored, receipt
from autoprec_service.web.recorded import RecordedTrial

Trials = Annotated[list[RecordedTrial], Body(min_length=1, max_length=LONGEST_BATCH, openapi_examples=shown([TRIAL]))]


def trial_routes() -> APIRouter:
    """Return the routes of trials."""
    found = routes("trials")

    @found.post("/trials", operation_id="addTrials", responses=problems(400, 409, 413))
    def add(trials: Trials, store: TenantStore, who: Reporter, access: Accesses, metrics: Counted) -> Stored:
        """Add trials, all or none, whose studies are stored. Sending them again does no harm: each id counts once."""
        told = receipt(access, who, "trials", sent=len(trials), stored=store.add_trials(trials))
        if not told.known:
            metrics.count_trials(trials)
        return told

    @found.get("/trials", operation_id="listTrials")
    def trials(
        *,
        store: TenantStore,
        _: Reader,
        study_id: Filter = None,
        model_fingerprint: Filter = None,
        hardware_key: Filter = None,
        workload_key: Filter = None,
        precision: Filter = None,
        mode: Mode | None = None,
        status: TrialStatus | None = None,
        newest_first: bool = False,
        after: After = None,
        limit: Limit = 100,
    ) -> list[Trial]:
        """List trials in the order in which they were added, or the other way round, one page at a time."""
        return store.trials(
            study_id=study_id,
            model_fingerprint=model_fingerprint,
            hardware_key=hardware_key,
            workload_key=workload_key,
            precision=precision,
            mode=mode,
            status=status,
            newest_first=newest_first,
            after=after,
            limit=limit,
        )

    @found.get("/trials/{trial_id}", operation_id="getTrial", responses=problems(404))
    def trial(trial_id: Identifier, store: TenantStore, _: Reader) -> Trial:
        """Return one trial."""
        stored = store.trial(trial_id)
        if stored is None:
            raise HTTPException(404, f"There is no trial with the id {trial_id!r}. GET /trials lists them.")
        return stored

    return found
