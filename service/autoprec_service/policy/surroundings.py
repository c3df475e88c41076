"""What else ran on the machine while trials were timed."""

from autoprec_runner.isolation.neighbours import NOTABLE_CORES
from autoprec_runner.quantities import figure
from autoprec_service.policy.evidence import Evidence


def neighbours(evidence: Evidence) -> float:
    """Return how many cores other programs kept busy when the study began; 0 where few or unknown."""
    busy = evidence.trial.conditions.get("busy_cores")
    return float(busy) if isinstance(busy, int | float) and busy >= NOTABLE_CORES else 0.0


def disturbed_by(evidence: Evidence) -> str | None:
    """Say that times are less certain because of other programs, None if there were none."""
    busy = neighbours(evidence)
    if not busy:
        return None
    passive = " Trials waited passively." if evidence.trial.conditions.get("OMP_WAIT_POLICY") == "passive" else ""
    return f"Other programs kept {figure(busy)} cores busy when the study began: times are less certain.{passive}"
