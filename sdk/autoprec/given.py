"""The workload that a caller gave, in whatever form."""

from pathlib import Path
from typing import Any

from autoprec_runner.errors import StudyError
from autoprec_runner.trial import Mode
from autoprec_runner.workload.factory import FactorySource
from autoprec_runner.workload.pickled import pickle_workload
from autoprec_runner.workload.workload import Workload


def source_of(given: Workload | str, folder: Path) -> str:
    """Return where the children find the workload: at its factory, or in a file written here."""
    if isinstance(given, str):
        return FactorySource(given).to_json()
    return pickle_workload(given, folder / "workload.pkl").to_json()


def workload_of(model: Any, mode: Mode | None, **parts: Any) -> Workload | str:
    """Return the workload that the arguments describe, or the reference of its factory."""
    if not isinstance(model, str | Workload):
        return Workload(model=model, mode=mode, **parts)
    if extra := [name for name, value in parts.items() if value is not None]:
        given = f"the factory {model!r}: let it return" if isinstance(model, str) else "a Workload: set"
        raise StudyError(f"{', '.join(extra)} cannot be given beside {given} them in an autoprec.Workload.")
    return model
