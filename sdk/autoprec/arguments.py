"""The arguments of `suggest()`, checked before anything is run: each error says what is allowed."""

import math
from collections.abc import Iterable
from numbers import Integral, Real

from autoprec_probe import Candidate, HardwareProfile, canonical_precision
from autoprec_probe.candidate import Device, Strategy
from autoprec_runner.errors import StudyError

_MOST_SEED = 2**32 - 1
"""NumPy's largest seed."""


def check_choice(name: str, given: object, allowed: Iterable[str]) -> None:
    """Refuse what is not among the allowed words.

    Raises:
        StudyError: It is not.
    """
    words = tuple(allowed)
    if given not in words:
        raise StudyError(f"{name}={given!r} is not available. Allowed: {', '.join(words)}.")


def check_devices(devices: object, strategy: str) -> None:
    """Refuse what is no number of processes, and several where the strategy is for one.

    Raises:
        StudyError: It is not.
    """
    if not (isinstance(devices, int) and not isinstance(devices, bool) and devices >= 1):
        raise StudyError(f"devices={devices!r} is not a number of processes. Give 1, or more with strategy='fsdp'.")
    if devices > 1 and strategy in {"single", "xla"}:
        raise StudyError(
            f"devices={devices} is not available with strategy={strategy!r}, which runs one process. "
            "Use strategy='fsdp' or 'deepspeed'.",
        )


def check_predictable(strategy: str, **tried: object) -> None:
    """Refuse to predict steps that several processes share, and what only trials `tried` can tell.

    Raises:
        StudyError: The strategy is another one than `single`, or something that needs trials was asked for.
    """
    if asked := [f"{name}={value!r}" for name, value in tried.items() if value]:
        raise StudyError(f"hardware= predicts, and {', '.join(asked)} needs trials. Leave one of them out.")
    if strategy != "single":
        raise StudyError(
            f"hardware= predicts steps of one process; strategy={strategy!r} needs trials. Leave one of them out.",
        )


def check_budget(budget: object) -> None:
    """Refuse a budget that no study can keep to.

    Raises:
        StudyError: It is not a number of seconds.
    """
    if not (isinstance(budget, Real) and 0 < float(budget) < math.inf):
        raise StudyError(f"budget={budget!r} is not a number of seconds above 0. Give, for instance, budget=60.")


def check_tolerance(tolerance: object) -> None:
    """Refuse a tolerance that nothing, or everything, would meet.

    Raises:
        StudyError: It is not a share.
    """
    if tolerance is not None and not (isinstance(tolerance, Real) and 0 <= float(tolerance) < math.inf):
        raise StudyError(f"tolerance={tolerance!r} is not a share of 0 or more. Give, for instance, tolerance=0.05.")


def check_seed(seed: object) -> None:
    """Refuse a seed that not every generator takes.

    Raises:
        StudyError: It is not a whole number in NumPy's range.
    """
    if not (isinstance(seed, Integral) and 0 <= int(seed) <= _MOST_SEED):
        raise StudyError(f"seed={seed!r} is not a whole number from 0 to {_MOST_SEED}. Give, for instance, seed=0.")


def chosen_device(device: object, profile: HardwareProfile) -> Device:
    """Return the kind of device to run on.

    Raises:
        StudyError: This machine does not have it.
    """
    here: dict[str, Device] = {"cpu": "cpu"}
    here |= {each.kind: each.kind for each in profile.accelerators if each.error is None}
    name = str(device)
    if name == "auto":
        return profile.default_device
    if name not in here:
        raise StudyError(f"device={name!r} is not on this machine. Here: auto, {', '.join(sorted(here))}.")
    return here[name]


def chosen_candidates(
    given: Iterable[str | int | Candidate] | None,
    strategy: Strategy,
) -> tuple[Candidate, ...] | None:
    """Return the candidates to try, each once; None for everything that makes sense.

    Raises:
        UnknownPrecisionError: One of them is not a precision.
        StudyError: They are not a list, or one has another strategy.
    """
    if given is None:
        return None
    if isinstance(given, str) or not isinstance(given, Iterable):
        raise StudyError(
            f"candidates={given!r} is not a list of precisions. Give, for instance, candidates=['32-true']."
        )
    return tuple(dict.fromkeys(_candidate(each, strategy) for each in given))


def _candidate(given: object, strategy: Strategy) -> Candidate:
    if not isinstance(given, Candidate):
        # Called here because pydantic, which calls it too, would wrap what it raises.
        name = canonical_precision(given if isinstance(given, int) else str(given))
        return Candidate(precision=name, strategy=strategy)
    if given.strategy != strategy:
        raise StudyError(f"The candidate {given} has another strategy than the study. Allowed: {strategy}.")
    return given
