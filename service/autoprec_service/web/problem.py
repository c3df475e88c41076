"""Problems as RFC 9457 has them: what went wrong and the way out."""

from fastapi.responses import JSONResponse
from pydantic import BaseModel

MEDIA_TYPE = "application/problem+json"

TITLES = {
    400: "Request cannot be read",
    401: "Not authorized",
    403: "Not allowed",
    404: "Not found",
    408: "Request took too long",
    409: "Contradiction",
    413: "Body too large",
    422: "Request does not fit the schema",
    429: "Too many requests",
    500: "The service failed",
    503: "Store cannot be used",
}
"""What each status is called in a problem."""


class Problem(BaseModel):
    """What went wrong and the way out, after RFC 9457."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str


def problem_response(problem: Problem, headers: dict[str, str] | None = None) -> JSONResponse:
    """Return the response that carries a problem."""
    return JSONResponse(problem.model_dump(), status_code=problem.status, media_type=MEDIA_TYPE, headers=headers)


def problem_of(status: int, detail: str, headers: dict[str, str] | None = None) -> JSONResponse:
    """Return the response for a status and what there is to say about it."""
    return problem_response(Problem(title=TITLES[status], status=status, detail=detail), headers)


def problems(*statuses: int) -> dict[int | str, dict[str, type[Problem]]]:
    """Return the documentation of the problems that a route may answer with."""
    return {status: {"model": Problem} for status in sorted(statuses)}
