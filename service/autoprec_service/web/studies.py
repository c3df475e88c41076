"""Studies over HTTP."""

from typing import Annotated

from fastapi import APIRouter, Body, HTTPException

from autoprec_runner.study import Study, StudyStatus
from autoprec_service.store import Store
from autoprec_service.web.examples import STUDY, shown
from autoprec_service.web.parameters import (
    LONGEST_BATCH,
    Accesses,
    After,
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
from autoprec_service.web.recorded import RecordedStudy

Studies = Annotated[list[RecordedStudy], Body(min_length=1, max_length=LONGEST_BATCH, openapi_examples=shown([STUDY]))]


def study_routes() -> APIRouter:
    """Return the routes of studies."""
    found = routes("studies")

    @found.post("/studies", operation_id="saveStudies", responses=problems(400, 409, 413))
    def save(studies: Studies, store: TenantStore, who: Reporter, access: Accesses) -> Stored:
        """Store studies, all or none, or replace what is stored under their ids. Sending them again does no harm."""
        return receipt(access, who, "studies", sent=len(studies), stored=store.save_studies(studies))

    @found.get("/studies", operation_id="listStudies")
    def studies(
        *,
        store: TenantStore,
        _: Reader,
        model_fingerprint: Filter = None,
        hardware_key: Filter = None,
        workload_key: Filter = None,
        status: StudyStatus | None = None,
        newest_first: bool = False,
        after: After = None,
        limit: Limit = 100,
    ) -> list[Study]:
        """List studies in the order in which they were first saved, or the other way round, one page at a time."""
        return store.studies(
            model_fingerprint=model_fingerprint,
            hardware_key=hardware_key,
            workload_key=workload_key,
            status=status,
            newest_first=newest_first,
            after=after,
            limit=limit,
        )

    @found.get("/studies/{study_id}", operation_id="getStudy", responses=problems(404))
    def study(study_id: Identifier, store: TenantStore, _: Reader) -> Study:
        """Return one study."""
        return known_study(store, study_id)

    return found


def known_study(store: Store, study_id: str) -> Study:
    """Return a study, or refuse an id that is not there."""
    study = store.study(study_id)
    if study is None:
        raise HTTPException(404, f"There is no study with the id {study_id!r}. GET /studies lists them.")
    return study
