"""What was chosen for a script from outside, by `autoprec run` or in the environment."""

import os
from pathlib import Path

from autoprec_probe.candidate import Candidate
from autoprec_probe.errors import ProbeError
from autoprec_runner.errors import PrecisionError

PRECISION_VARIABLE = "AUTOPREC_PRECISION"
"""Holds a precision string, or a candidate as JSON where the answer is more than a string."""
TAKEN_VARIABLE = "AUTOPREC_PRECISION_TAKEN"
"""Names a file that is there once somebody has asked what was chosen; `autoprec run` looks for it."""
AUTO = "auto"
_DEFAULT = "32-true"


def precision() -> str:
    """Return the precision that `autoprec run SCRIPT --precision …` chose for this script, `32-true` without one.

    For frameworks that take a string, such as `Fabric(precision=autoprec.precision())`; `autoprec.Engine()` asks by
    itself, and takes the other options of an answer too.

    Raises:
        PrecisionError: `AUTOPREC_PRECISION` holds no precision.
    """
    candidate = chosen_candidate()
    return _DEFAULT if candidate is None else candidate.precision


def chosen_candidate() -> Candidate | None:
    """Return what was chosen from outside, None where nothing was.

    Raises:
        PrecisionError: `AUTOPREC_PRECISION` holds no precision.
    """
    text = os.environ.get(PRECISION_VARIABLE)
    if not text:
        return None
    if text == AUTO:
        raise PrecisionError(
            f"{PRECISION_VARIABLE} is {AUTO!r}, and nothing was measured that it could stand for. Start the script "
            "with: autoprec run --precision auto --workload FILE.py:FACTORY SCRIPT",
        )
    candidate = _read(text)
    _note_taken()
    return candidate


def _read(text: str) -> Candidate:
    try:
        if text.startswith("{"):
            return Candidate.model_validate_json(text)
        return Candidate(precision=text)
    except (ValueError, ProbeError) as error:
        raise PrecisionError(f"{PRECISION_VARIABLE}={text!r} is no precision: {error}") from error


def _note_taken() -> None:
    if path := os.environ.get(TAKEN_VARIABLE):
        try:
            Path(path).touch()
        except OSError:
            return  # whoever wanted to know has gone
