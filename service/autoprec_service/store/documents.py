"""Records as JSON documents, and back."""

import json
from typing import Any, TypeVar

from pydantic import ValidationError

from autoprec_probe.agent.report import Report
from autoprec_probe.candidate import Candidate
from autoprec_runner.description import ModelDescription
from autoprec_runner.study import Study
from autoprec_runner.trial import Trial
from autoprec_service.asked import AskedRecommendation
from autoprec_service.errors import StoreError
from autoprec_service.fleet import Node
from autoprec_service.formatting import counted
from autoprec_service.outcome import Outcome
from autoprec_service.run import Run

AnyRecord = Study | Trial | Node | Report | Outcome | ModelDescription | AskedRecommendation | Run
Record = TypeVar("Record", Study, Trial, Node, Report, Outcome, ModelDescription, AskedRecommendation, Run)


def document_of(record: AnyRecord) -> str:
    """Return the record as JSON."""
    # round_trip leaves out derived fields, which the schema would refuse when the document is read.
    return record.model_dump_json(round_trip=True)


def say_the_same(one: str, other: str) -> bool:
    """Return whether two documents have the same content, in whatever order it stands."""
    return one == other or _sorted(one) == _sorted(other)


def _sorted(document: str) -> str:
    return json.dumps(json.loads(document), sort_keys=True)


def read(schema: type[Record], document: str) -> Record:
    """Return the record of a document.

    It is read first as if it came from outside, then trusting the candidates that were checked once.

    Raises:
        StoreError: The document does not fit the schema of this version.
    """
    try:
        return schema.model_validate_json(document)
    except ValidationError:
        fields = json.loads(document)
    try:
        return schema.model_validate(fields | _recorded_candidates(fields))
    except ValidationError as error:
        name = fields.get("id", fields.get("name"))
        raise StoreError(
            f"The stored {schema.__name__.lower()} {name!r} does not fit the schema of this autoprec "
            f"({counted(error.error_count(), 'difference')}). It was written by another version: use that one, or a "
            "newer one.",
        ) from error


def _recorded_candidates(fields: dict[str, Any]) -> dict[str, Any]:
    """Return the candidates of a record: a precision may have been recorded where its plugin is installed."""
    if "candidate" in fields:
        return {"candidate": _recorded(fields["candidate"])}
    if "candidates" in fields:
        return {"candidates": tuple(map(_recorded, fields["candidates"]))}
    return {}


def _recorded(fields: dict[str, Any]) -> Candidate:
    """Return a candidate with all fields checked but its precision."""
    checked = Candidate.model_validate({**fields, "precision": "32-true"})
    return checked.model_copy(update={"precision": fields["precision"]})
