"""How a trial ends when it does not end well."""

from typing import Any

from autoprec_runner.errors import TrialError
from autoprec_runner.isolation.child import ChildEndedError, ChildError, ChildMemoryError, ChildTimeoutError
from autoprec_runner.trial import TrialStatus

_SHOWN_CHARACTERS = 600
_SIGKILL = -9


class TrialFailedError(TrialError):
    """A trial ended with a status other than `ok`; `status` and the message say how."""

    def __init__(self, status: TrialStatus, message: str, *, kind: str = "") -> None:
        super().__init__(message)
        self.status: TrialStatus = status
        self.kind = kind
        """`workload` where the user's model, batch, loss or factory is what is wrong."""


def failure_from_answer(error: dict[str, Any]) -> TrialFailedError:
    """Return the failure that a child reported of itself."""
    # What a user has to mend is told whole; anything else may be a page of library text.
    message = error["message"] if error["kind"] == "workload" else shortened(error["message"])
    if error["status"] == "oom":
        message = f"It ran out of memory: {message}"
    if trace := error.get("trace", "").strip():
        message = f"{message}\n{trace}"
    return TrialFailedError(error["status"], message, kind=error["kind"])


def failure_from_child(error: ChildError, printed: str) -> TrialFailedError:
    """Return the failure for a child that ended, hung or grew without an answer, with the last line that it printed."""
    match error:
        case ChildTimeoutError():
            return TrialFailedError("timeout", str(error))
        case ChildMemoryError():
            return TrialFailedError("oom", str(error))
        case ChildEndedError(exit_code=code) if code == _SIGKILL:
            return TrialFailedError("oom", str(error))
        case _:
            lines = printed.strip().splitlines()
            last = f" Last line printed: {shortened(lines[-1])!r}." if lines else ""
            return TrialFailedError("crashed", str(error) + last)


def shortened(text: str) -> str:
    """Return a text that fits into a sentence of a report."""
    return text if len(text) <= _SHOWN_CHARACTERS else text[: _SHOWN_CHARACTERS - 1] + "…"
