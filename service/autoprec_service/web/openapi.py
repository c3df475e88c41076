"""The description of the REST interface: what FastAPI derives, and what it cannot know."""

from copy import deepcopy
from functools import cache
from typing import Any

from fastapi import FastAPI

from autoprec_service.web.access import ALWAYS_OPEN, COOKIE
from autoprec_service.web.problem import MEDIA_TYPE, TITLES, Problem

DESCRIPTION = """\
Stores what was measured and advises which numeric precision to use, with proof.

Lists come in pages: `after` is the last record of the page before. Sending a record again does no harm. Every error is
a problem as in RFC 9457, and every answer has an `X-Request-ID`. What a client sends is never imported, unpickled or
executed.
"""
TAGS = [
    {"name": name, "description": told}
    for name, told in {
        "advice": "Which precision, and why.",
        "studies": "The trials of one workload on one machine, planned as a whole.",
        "trials": "One candidate on one workload on one machine.",
        "outcomes": "How each candidate of each study ended, with its ratios to the reference.",
        "models": "Models in figures.",
        "hardware": "What was measured on.",
        "nodes": "The machines that report.",
        "runs": "Training runs and the precision that they use.",
        "events": "What happens, as it happens.",
        "access": "Tokens and the audit log.",
        "operations": "For probes and Prometheus.",
    }.items()
]
_FIRST_ERROR = 400
_LARGEST = (1 << 63) - 1


def describe(app: FastAPI) -> None:
    """Make the application describe itself with its problems and its tokens."""
    derived = app.openapi

    @cache
    def description() -> dict[str, Any]:
        return _completed(deepcopy(derived()))

    app.openapi = description  # type: ignore[method-assign]  # as FastAPI documents it


def _completed(found: dict[str, Any]) -> dict[str, Any]:
    schemas = found["components"]["schemas"]
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    schemas["Problem"] = Problem.model_json_schema()
    schemas["Candidate"]["properties"]["precision"] |= {"minLength": 1, "maxLength": 128}
    _bound_integers(found)
    found["components"]["securitySchemes"] = {
        "token": {"type": "http", "scheme": "bearer", "description": "A token: `autoprec token create`."},
        "cookie": {"type": "apiKey", "in": "cookie", "name": COOKIE, "description": "The same, of a browser."},
    }
    for path, operations in found["paths"].items():
        for operation in operations.values():
            _complete(operation, closed=path not in ALWAYS_OPEN)
    return found


def _bound_integers(schema: Any) -> None:
    """Say of every integer that it has 64 bits: larger ones are refused."""
    if isinstance(schema, list):
        for each in schema:
            _bound_integers(each)
    elif isinstance(schema, dict):
        if schema.get("type") == "integer":
            if "exclusiveMinimum" not in schema:
                schema.setdefault("minimum", -_LARGEST)
            if "exclusiveMaximum" not in schema:
                schema.setdefault("maximum", _LARGEST)
        for each in schema.values():
            _bound_integers(each)


def _complete(operation: dict[str, Any], *, closed: bool) -> None:
    if closed:
        operation["security"] = [{"token": []}, {"cookie": []}]
    for status, response in operation["responses"].items():
        if int(status) >= _FIRST_ERROR:
            response["description"] = TITLES[int(status)]
            response["content"] = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
