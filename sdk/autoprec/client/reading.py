"""From a response to what it means: a value, or an error that says what to do."""

import json
from collections.abc import Callable
from functools import cache
from typing import Any, TypeVar

import httpx
from pydantic import TypeAdapter, ValidationError

from autoprec.client.errors import AnswerError, ClientError, RefusedError
from autoprec_probe.candidate import Candidate
from autoprec_probe.errors import ProbeError
from autoprec_service.formatting import counted

T = TypeVar("T")

PROBLEM = "application/problem+json"
_SHOWN_CHARACTERS = 300


def reader(schema: Any) -> Callable[[httpx.Response], Any]:
    """Return what reads the body of a response as a value of a schema, any type that pydantic knows."""
    return lambda response: _read(schema, response)


def reader_if_there(schema: Any) -> Callable[[httpx.Response], Any]:
    """Return the same, for what there may be none of: it reads the problem 404 as None."""
    return lambda response: None if response.status_code == httpx.codes.NOT_FOUND else _read(schema, response)


def is_missing(response: httpx.Response) -> bool:
    """Return whether the service itself, rather than a proxy or another server, says that there is no such thing."""
    return response.status_code == httpx.codes.NOT_FOUND and _media_type(response) == PROBLEM


def told(response: httpx.Response) -> str:
    """Return in a few words what a response says that is no success."""
    problem = _problem(response) or {}
    detail = problem.get("detail") or problem.get("title") or response.reason_phrase
    return f"HTTP {response.status_code} {detail}".strip()


def refusal(where: str, response: httpx.Response) -> ClientError:
    """Return the error of a response that is no success."""
    problem = _problem(response)
    if problem is None and (response.is_redirect or response.status_code == httpx.codes.NOT_FOUND):
        return AnswerError(
            f"What answers at {where} is no service of autoprec (HTTP {response.status_code}). Check the URL; "
            "redirects are not followed.",
        )
    problem = problem or {"title": response.reason_phrase, "detail": _shown(response)}
    return RefusedError(
        where,
        status=response.status_code,
        title=str(problem.get("title") or response.reason_phrase),
        detail=str(problem.get("detail") or ""),
    )


def _read(schema: Any, response: httpx.Response) -> Any:
    adapter = _adapter(schema)
    try:
        return adapter.validate_json(response.content)
    except ValidationError as error:
        return _read_as_recorded(adapter, response, error)


def _read_as_recorded(adapter: TypeAdapter[Any], response: httpx.Response, error: ValidationError) -> Any:
    """Read once more and take candidates as they are: a precision may have been measured where its plugin is."""
    try:
        return adapter.validate_python(_with_recorded_candidates(json.loads(response.content)))
    except (ValueError, ProbeError, RecursionError):  # pydantic's and JSON's errors are ValueErrors
        raise AnswerError(
            f"The answer of {response.url.host} does not fit the schema of this autoprec "
            f"({counted(error.error_count(), 'difference')}): {_shown(response)} Check the URL, and use the version of "
            "autoprec that the service has.",
        ) from error


def _with_recorded_candidates(value: Any) -> Any:
    if isinstance(value, list):
        return [_with_recorded_candidates(each) for each in value]
    if not isinstance(value, dict):
        return value
    if {"precision", "strategy", "matmul_precision"} <= value.keys():
        checked = Candidate.model_validate({**value, "precision": "32-true"})
        return checked.model_copy(update={"precision": value["precision"]})
    return {name: _with_recorded_candidates(each) for name, each in value.items()}


@cache
def _adapter(schema: Any) -> TypeAdapter[Any]:
    return TypeAdapter(schema)


def _problem(response: httpx.Response) -> dict[str, Any] | None:
    if _media_type(response) != PROBLEM:
        return None
    try:
        problem = response.json()
    except ValueError:
        return None
    return problem if isinstance(problem, dict) else None


def _media_type(response: httpx.Response) -> str:
    return str(response.headers.get("Content-Type", "")).partition(";")[0].strip().lower()


def _shown(response: httpx.Response) -> str:
    """Return the beginning of a body in one line, harmless to a terminal."""
    text = response.content[: 4 * _SHOWN_CHARACTERS].decode(errors="replace")
    return "".join(each if each.isprintable() else " " for each in text)[:_SHOWN_CHARACTERS].strip()
