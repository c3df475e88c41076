"""Advice over HTTP: which precision, and how sure that is."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime

from fastapi import APIRouter, FastAPI, HTTPException, Response
from fastapi.concurrency import run_in_threadpool

from autoprec_service.advice.advise import advise
from autoprec_service.advice.adviser import Adviser
from autoprec_service.advice.answer import Advice
from autoprec_service.advice.calibration import Calibration
from autoprec_service.advice.question import Question
from autoprec_service.advice.recorder import Recorder
from autoprec_service.errors import UnknownHardwareError
from autoprec_service.web.parameters import Counted, Reader, TenantStore, routes
from autoprec_service.web.problem import problems


def recommend_routes(clock: Callable[[], datetime] | None = None) -> APIRouter:
    """Return the routes of advice; `clock` tells the time, UTC by default.

    What they keep between questions, and the answers that are still to be written, live as long as the application.
    """
    now = clock or (lambda: datetime.now(UTC))
    adviser, recorder = Adviser(), Recorder()

    @asynccontextmanager
    async def recording(app: FastAPI) -> AsyncIterator[None]:
        recorder.start()
        adviser.warm(app.state.store, now())
        try:
            yield
        finally:
            await run_in_threadpool(adviser.close)
            await run_in_threadpool(recorder.close)

    found = routes("advice", lifespan=recording)

    @found.post("/recommend", operation_id="recommend", response_model=Advice, responses=problems(400, 404, 409, 413))
    def recommendation(*, question: Question, store: TenantStore, _: Reader, metrics: Counted) -> Response:
        """Recommend a precision: measured, else drawn from near models, else predicted, else say what to run."""
        moment = now()
        try:
            answer = advise(store, question, moment, adviser=adviser)
        except UnknownHardwareError as error:
            raise HTTPException(404, str(error)) from error
        metrics.count_recommendation(answer)
        recorder.add(store, question, answer, moment)
        # Written here, because the answer need not be checked against its own schema again.
        return Response(answer.model_dump_json(), media_type="application/json")

    @found.get("/calibration", operation_id="calibration")
    def calibration(*, store: TenantStore, _: Reader) -> Calibration:
        """Tell how often answers from near models were right, by leaving each model out in turn."""
        return adviser.calibration(store, now())

    return found
