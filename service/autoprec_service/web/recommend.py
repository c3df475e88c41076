"""Advice over HTTP: which precision, and how sure that is. Nothing that is sent is imported, unpickled or executed."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Annotated

from anyio.to_thread import run_sync
from fastapi import APIRouter, Depends, FastAPI, HTTPException, Request, Response

from autoprec_service.advice.advise import advise
from autoprec_service.advice.adviser import Adviser
from autoprec_service.advice.answer import Advice
from autoprec_service.advice.calibration import Calibration
from autoprec_service.advice.question import Question
from autoprec_service.advice.recorder import Recorder
from autoprec_service.errors import UnknownHardwareError
from autoprec_service.store import Store
from autoprec_service.web.problem import Problem


def store_of(request: Request) -> Store:
    """Return the store of whoever asks."""
    store: Store = request.app.state.store
    return store


TenantStore = Annotated[Store, Depends(store_of)]


def recommend_routes(clock: Callable[[], datetime] | None = None) -> APIRouter:
    """Return the routes of advice; `clock` tells the time, UTC by default.

    What they keep between questions, and the answers that are still to be written, live as long as the application.
    """
    now = clock or (lambda: datetime.now(UTC))
    adviser, recorder = Adviser(), Recorder()

    @asynccontextmanager
    async def recording(_: FastAPI) -> AsyncIterator[None]:
        recorder.start()
        try:
            yield
        finally:
            await run_sync(recorder.close)

    routes = APIRouter(tags=["advice"], lifespan=recording)

    @routes.post("/recommend", response_model=Advice, responses={404: {"model": Problem}, 422: {"model": Problem}})
    def recommendation(question: Question, store: TenantStore) -> Response:
        """Recommend a precision: measured, else drawn from near models, else predicted, else say what to run."""
        moment = now()
        try:
            answer = advise(store, question, moment, adviser=adviser)
        except UnknownHardwareError as error:
            raise HTTPException(404, str(error)) from error
        recorder.add(store, question, answer, moment)
        # Written here, because the answer need not be checked against its own schema again.
        return Response(answer.model_dump_json(), media_type="application/json")

    @routes.get("/calibration")
    def calibration(store: TenantStore) -> Calibration:
        """Tell how often answers from near models were right, by leaving each model out in turn."""
        return adviser.calibration(store, now())

    return routes
