"""What else went on at the machine while trials were timed."""

from collections.abc import Iterator

from autoprec_runner.isolation.neighbours import NOTABLE_CORES
from autoprec_runner.quantities import figure
from autoprec_service.policy.evidence import Evidence

_HARMLESS = ("applications-clocks-setting", "sync-boost", "display-clock-setting")
"""Reasons for lower clocks that are settings: the clocks are the same for all, and stay what they are."""


def neighbours(evidence: Evidence) -> float:
    """Return how many cores other programs kept busy during the race, else at the start; 0 if few or unknown."""
    conditions = evidence.trial.conditions
    busy = conditions.get("race_other_busy_cores", conditions.get("busy_cores"))
    return float(busy) if isinstance(busy, int | float) and busy >= NOTABLE_CORES else 0.0


def throttling(evidence: Evidence) -> tuple[str, ...]:
    """Return what held clocks down during the race, by the names of the driver; nothing if that is unknown."""
    conditions = evidence.trial.conditions
    told = conditions.get("race_device_throttled")
    reasons = tuple(each for each in str(told).split(", ") if each and each not in _HARMLESS) if told else ()
    hot = conditions.get("race_cpu_throttled")
    return (*reasons, "cpu-thermal") if isinstance(hot, int | float) and hot > 0 else reasons


def others_on_device(evidence: Evidence) -> int:
    """Return how many other processes used the device during the race; 0 where that is unknown."""
    told = evidence.trial.conditions.get("race_foreign_processes")
    return int(told) if isinstance(told, int | float) else 0


def is_disturbed(evidence: Evidence) -> bool:
    """Return whether times are less certain than their intervals say."""
    return bool(neighbours(evidence) or throttling(evidence) or others_on_device(evidence))


def disturbances(evidence: Evidence) -> Iterator[str]:
    """Say why times are less certain, a sentence a cause."""
    conditions = evidence.trial.conditions
    if busy := neighbours(evidence):
        when = "during the race" if "race_other_busy_cores" in conditions else "when the study began"
        passive = " Trials waited passively." if conditions.get("OMP_WAIT_POLICY") == "passive" else ""
        yield f"Other programs kept {figure(busy)} cores busy {when}: times are less certain.{passive}"
    if others := others_on_device(evidence):
        whose = "another process" if others == 1 else f"{others} other processes"
        yield f"The device was shared with {whose} during the race: times are less certain."
    if reasons := throttling(evidence):
        heat = conditions.get("race_device_temperature_celsius")
        at = f" at up to {figure(float(heat))} °C" if isinstance(heat, int | float) else ""
        yield f"Clocks were held down during the race ({', '.join(reasons)}){at}: times are less certain."
