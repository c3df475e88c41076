"""One line of an exported file: what it holds, in which version of the format, and the record itself.

`{"format": 1, "kind": "trial", "record": {…}}`
"""

import json
from typing import Any

from pydantic import ValidationError

from autoprec_runner.study import Study
from autoprec_runner.trial import Trial
from autoprec_service.store.documents import document_of

FORMAT = 1
"""The version that this autoprec writes; it reads this one and the older ones."""

_KINDS: dict[str, type[Study] | type[Trial]] = {"study": Study, "trial": Trial}
_SHOWN_ERRORS = 3


def line_of(record: Study | Trial) -> str:
    """Return a record as a line, its end included."""
    kind = next(name for name, schema in _KINDS.items() if isinstance(record, schema))
    fields = json.loads(document_of(record))
    return json.dumps({"format": FORMAT, "kind": kind, "record": fields}) + "\n"


def record_of(line: str) -> Study | Trial:
    """Return the record of a line.

    Raises:
        ValueError: The line is no record that this version reads; the message is the reason, in a sentence.
    """
    envelope = _parsed(line)
    _check_format(envelope.get("format"))
    kind = envelope.get("kind")
    if kind not in _KINDS:
        raise ValueError(f"The kind is {kind!r}; it must be one of: {', '.join(_KINDS)}.")
    try:
        return _KINDS[kind].model_validate_json(json.dumps(envelope.get("record")))
    except ValidationError as error:
        raise ValueError(f"The {kind} does not fit the schema: {_summary(error)}.") from error


def _parsed(line: str) -> dict[str, Any]:
    try:
        line.encode()  # bytes that are no UTF-8 were read as lone surrogates
        envelope = json.loads(line)
    except UnicodeEncodeError as error:
        raise ValueError("The line is not UTF-8.") from error
    except (json.JSONDecodeError, RecursionError) as error:
        raise ValueError(f"The line is not JSON: {error}.") from error
    if not isinstance(envelope, dict):
        raise ValueError("The line is no JSON object with format, kind and record.")  # noqa: TRY004 (a wrong value)
    return envelope


def _check_format(version: object) -> None:
    if not isinstance(version, int) or version < 1:
        raise ValueError(f"The format is {version!r}; it must be a number from 1 to {FORMAT}.")
    if version > FORMAT:
        raise ValueError(
            f"The format is {version}, from a newer autoprec; this one reads up to {FORMAT}. Upgrade autoprec.",
        )


def _summary(error: ValidationError) -> str:
    """Return the first findings of a schema in one line."""
    found = error.errors(include_url=False, include_context=False, include_input=False)
    told = [f"{'.'.join(map(str, each['loc'])) or 'record'}: {each['msg'].rstrip('.')}" for each in found]
    more = len(told) - _SHOWN_ERRORS
    return "; ".join(told[:_SHOWN_ERRORS]) + (f"; and {more} more" if more > 0 else "")
