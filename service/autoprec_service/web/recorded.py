"""Records of other machines: a precision may come from a plugin that is installed there and not here."""

from typing import Annotated, Any

from pydantic import ValidationError, ValidatorFunctionWrapHandler, WrapValidator

from autoprec_runner.study import Study
from autoprec_runner.trial import Trial
from autoprec_service.errors import ServiceError

_LONGEST = 128
_STAND_IN = "32-true"


class _ForeignPrecisionError(ServiceError, ValueError):
    """What stands for a precision cannot be the name of one."""


def _as_recorded(value: Any, check: ValidatorFunctionWrapHandler) -> Any:
    """Check a record; a precision that is unknown here is taken as it was recorded."""
    try:
        return check(value)
    except ValidationError:
        if not isinstance(value, dict) or not _holds_candidates(value):
            raise
    if "candidate" in value:
        record = check(value | {"candidate": _without_name(value["candidate"])})
        return record.model_copy(update={"candidate": _named(record.candidate, value["candidate"])})
    record = check(value | {"candidates": [_without_name(each) for each in value["candidates"]]})
    named = tuple(map(_named, record.candidates, value["candidates"]))
    return record.model_copy(update={"candidates": named})


RecordedTrial = Annotated[Trial, WrapValidator(_as_recorded)]
RecordedStudy = Annotated[Study, WrapValidator(_as_recorded)]


def _holds_candidates(value: dict[str, Any]) -> bool:
    several = value.get("candidates")
    candidates = [value.get("candidate")] if "candidate" in value else several
    return isinstance(candidates, list) and all(isinstance(each, dict) for each in candidates)


def _without_name(candidate: dict[str, Any]) -> dict[str, Any]:
    return candidate | {"precision": _STAND_IN} if "precision" in candidate else candidate


def _named(checked: Any, given: dict[str, Any]) -> Any:
    name = given["precision"]
    if not isinstance(name, str) or not 0 < len(name) <= _LONGEST:
        raise _ForeignPrecisionError(f"The name of a precision must have 1 to {_LONGEST} characters.")
    return checked.model_copy(update={"precision": name})
