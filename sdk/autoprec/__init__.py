"""precision="auto" that brings its proof: probe the machine, trial the model, recommend a precision and say why.

>>> import autoprec
>>> rec = autoprec.suggest(model, batch)  # doctest: +SKIP
>>> str(rec)  # doctest: +SKIP
'bf16-mixed'
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from autoprec.recommendation import Recommendation
    from autoprec.suggestion import suggest
    from autoprec_probe import Candidate, HardwareProfile, probe
    from autoprec_runner.engine import Engine
    from autoprec_runner.study import Study
    from autoprec_runner.trial import Trial
    from autoprec_runner.workload.workload import Workload

__version__ = "0.1.0"

__all__ = [
    "Candidate",
    "Engine",
    "HardwareProfile",
    "Recommendation",
    "Study",
    "Trial",
    "Workload",
    "probe",
    "suggest",
]

# Names are loaded at first use: importing autoprec takes milliseconds and no torch.
_HOME = {
    "Candidate": "autoprec_probe",
    "Engine": "autoprec_runner.engine",
    "HardwareProfile": "autoprec_probe",
    "Recommendation": "autoprec.recommendation",
    "Study": "autoprec_runner.study",
    "Trial": "autoprec_runner.trial",
    "Workload": "autoprec_runner.workload.workload",
    "probe": "autoprec_probe",
    "suggest": "autoprec.suggestion",
}


def __getattr__(name: str) -> Any:
    """Load a public name at its first use."""
    if name not in _HOME:
        raise AttributeError(f"module 'autoprec' has no attribute {name!r}")
    value = getattr(import_module(_HOME[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """List the public names, loaded or not."""
    return sorted({*globals(), *__all__})
