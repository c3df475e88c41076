"""One candidate of one study in short: what comparisons over many studies are made of."""

from collections.abc import Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, ValidatorFunctionWrapHandler, WrapValidator
from pydantic_core import to_json

from autoprec_probe.candidate import Candidate
from autoprec_runner.trial import Mode, Trial, TrialStatus
from autoprec_service.policy.evidence import Evidence, weighed
from autoprec_service.policy.ratios import memory_ratio, speedup

_SHARED = 4096
Software = dict[str, str | None]


def _shared(value: Any, check: ValidatorFunctionWrapHandler) -> Any:
    """Return a candidate that others may have as well: there are few of them, and outcomes by the million."""
    return _candidate(to_json(value)) if isinstance(value, dict) else check(value)


@lru_cache(maxsize=_SHARED)
def _candidate(document: bytes) -> Candidate:
    return Candidate.model_validate_json(document)


def _same(software: Software) -> Software:
    return _software(tuple(software.items()))


@lru_cache(maxsize=_SHARED)
def _software(items: tuple[tuple[str, str | None], ...]) -> Software:
    return dict(items)


class Outcome(BaseModel):
    """How one candidate ended in one study, with its ratios to the reference of the same study."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    study_id: str
    trial_id: str
    """The trial that decides."""
    model_fingerprint: str
    workload_key: str
    hardware_key: str
    mode: Mode
    candidate: Annotated[Candidate, WrapValidator(_shared)]
    status: TrialStatus
    stable: bool | None
    """None where it was not verified."""
    speedup: float | None = None
    """Step time of `32-true` over that of the candidate."""
    memory_ratio: float | None = None
    """Peak memory of the candidate over that of `32-true`."""
    step_seconds: float | None = None
    peak_memory_bytes: int | None = None
    software: Annotated[Software, AfterValidator(_same)] = {}
    measured_at: datetime


def outcomes_of(trials: Sequence[Trial]) -> list[Outcome]:
    """Return how each candidate ended, from all trials of one study; the policy's own evidence, so that both agree."""
    found = weighed(trials)
    reference = next((each for each in found if each.is_reference), None)
    return [_outcome(each, reference) for each in found]


def _outcome(evidence: Evidence, reference: Evidence | None) -> Outcome:
    trial, gain = evidence.trial, speedup(evidence, reference)
    return Outcome(
        study_id=trial.study_id,
        trial_id=trial.id,
        model_fingerprint=trial.model_fingerprint,
        workload_key=trial.workload_key,
        hardware_key=trial.hardware_key,
        mode=trial.mode,
        candidate=evidence.candidate,
        status="unstable" if trial.status == "ok" and evidence.is_unstable else trial.status,
        stable=_stable(evidence),
        speedup=gain.value if gain else None,
        memory_ratio=memory_ratio(evidence, reference),
        step_seconds=evidence.step_time.median_seconds if evidence.step_time else None,
        peak_memory_bytes=evidence.peak_memory_bytes,
        software=trial.software,
        measured_at=in_utc(trial.started_at),
    )


def _stable(evidence: Evidence) -> bool | None:
    if evidence.is_unstable:
        return False
    return True if evidence.verdict == "stable" else None


def in_utc(moment: datetime) -> datetime:
    """Return a time with its zone; one without is taken as UTC, as the policy does."""
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
