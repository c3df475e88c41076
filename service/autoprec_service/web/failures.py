"""From an error to the problem that tells it."""

from http import HTTPStatus

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from autoprec_service.errors import (
    AccessError,
    ContradictionError,
    StoreConflictError,
    StoreError,
    UnknownPageError,
    UnknownTokenError,
)
from autoprec_service.web.problem import TITLES, Problem, problem_of, problem_response

_TOLD_ERRORS = 10


def tell_failures(app: FastAPI) -> None:
    """Make every error that a route may raise a problem."""
    app.add_exception_handler(StoreConflictError, _conflicting)
    app.add_exception_handler(StoreError, _unavailable)
    app.add_exception_handler(UnknownPageError, _missing)
    app.add_exception_handler(UnknownTokenError, _missing)
    app.add_exception_handler(AccessError, _not_accepted)
    app.add_exception_handler(HTTPException, _told)
    app.add_exception_handler(RequestValidationError, _invalid)


def _conflicting(_: Request, error: Exception) -> JSONResponse:
    return problem_of(409, str(error))


def _unavailable(_: Request, error: Exception) -> JSONResponse:
    return problem_of(503, str(error), {"Retry-After": "1"})


def _missing(_: Request, error: Exception) -> JSONResponse:
    return problem_of(404, str(error))


def _not_accepted(_: Request, error: Exception) -> JSONResponse:
    return problem_of(422, str(error))


def _told(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    title = TITLES.get(error.status_code) or HTTPStatus(error.status_code).phrase
    problem = Problem(title=title, status=error.status_code, detail=str(error.detail))
    return problem_response(problem, dict(error.headers or {}))


def _invalid(_: Request, error: Exception) -> JSONResponse:
    """Say where a request differs from the schema, without repeating it: it may hold what no JSON can."""
    assert isinstance(error, RequestValidationError)
    found = [f"{'.'.join(str(each) for each in one['loc'])}: {one['msg']}" for one in error.errors()[:_TOLD_ERRORS]]
    contradicts = any(isinstance(one.get("ctx", {}).get("error"), ContradictionError) for one in error.errors())
    return problem_of(409 if contradicts else 422, "; ".join(found).encode(errors="replace").decode())
