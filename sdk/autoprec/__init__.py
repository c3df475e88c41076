"""precision="auto" that brings its proof: probe the machine, trial the model, recommend a precision and say why.

>>> import autoprec
>>> rec = autoprec.suggest(model, batch)  # doctest: +SKIP
>>> str(rec)  # doctest: +SKIP
'bf16-mixed'
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from autoprec.client.asynchronous import AsyncClient
    from autoprec.client.blocking import Client
    from autoprec.client.errors import ClientError
    from autoprec.describing import describe
    from autoprec.exports import ExportError
    from autoprec.recommendation import Recommendation
    from autoprec.suggestion import suggest
    from autoprec_probe import Candidate, HardwareProfile, UnknownPrecisionError, probe
    from autoprec_runner.chosen import precision
    from autoprec_runner.description import ModelDescription
    from autoprec_runner.engine import Engine
    from autoprec_runner.errors import StudyError, WorkloadError
    from autoprec_runner.study import Study
    from autoprec_runner.trial import Trial
    from autoprec_runner.workload.workload import Workload
    from autoprec_service.errors import StoreError

__version__ = "0.1.0"

__all__ = [
    "AsyncClient",
    "Candidate",
    "Client",
    "ClientError",
    "Engine",
    "ExportError",
    "HardwareProfile",
    "ModelDescription",
    "Recommendation",
    "StoreError",
    "Study",
    "StudyError",
    "Trial",
    "UnknownPrecisionError",
    "Workload",
    "WorkloadError",
    "describe",
    "precision",
    "probe",
    "suggest",
]

# Names are loaded at first use: importing autoprec takes milliseconds and no torch.
_HOME = {
    "AsyncClient": "autoprec.client.asynchronous",
    "Candidate": "autoprec_probe",
    "Client": "autoprec.client.blocking",
    "ClientError": "autoprec.client.errors",
    "Engine": "autoprec_runner.engine",
    "ExportError": "autoprec.exports",
    "HardwareProfile": "autoprec_probe",
    "ModelDescription": "autoprec_runner.description",
    "Recommendation": "autoprec.recommendation",
    "StoreError": "autoprec_service.errors",
    "Study": "autoprec_runner.study",
    "StudyError": "autoprec_runner.errors",
    "Trial": "autoprec_runner.trial",
    "UnknownPrecisionError": "autoprec_probe",
    "Workload": "autoprec_runner.workload.workload",
    "WorkloadError": "autoprec_runner.errors",
    "describe": "autoprec.describing",
    "precision": "autoprec_runner.chosen",
    "probe": "autoprec_probe",
    "suggest": "autoprec.suggestion",
}


def __getattr__(name: str) -> Any:
    """Load a public name at its first use."""
    if name not in _HOME:
        raise AttributeError(f"module 'autoprec' has no attribute {name!r}. It offers: {', '.join(__all__)}.")
    value = getattr(import_module(_HOME[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """List the public names, loaded or not."""
    return sorted({name for name in globals() if name.startswith("__")} | set(__all__))
