"""Who may be recommended: nothing that failed, nothing that was not verified, nothing that does not fit."""

from autoprec_runner.study import Constraints
from autoprec_service.formatting import size
from autoprec_service.policy.evidence import Evidence
from autoprec_service.policy.risk import REFERENCE_RISK
from autoprec_service.recommendation import Rejected


def rejection(evidence: Evidence, constraints: Constraints) -> Rejected | None:
    """Return why a candidate is out, None if it is not."""
    trial = evidence.trial
    if trial.status != "ok":
        return _rejected(evidence, trial.reason, trial.remedy)
    if evidence.stability and evidence.is_unstable:
        rejected = _rejected(evidence, evidence.stability.sentence, trial.remedy)
        return rejected.model_copy(update={"status": "unstable"})
    if constraints.max_memory_bytes is not None and not evidence.candidate.emulate:
        return _memory_rejection(evidence, constraints.max_memory_bytes)
    return None


def doubt(evidence: Evidence, *, reference_is_unstable: bool) -> str | None:
    """Return why a candidate that is not out may still not be recommended, None if it may.

    Stability is judged beside the reference. So the reference itself needs no verdict, and where the reference is
    unstable, the verdict counts only for a precision beyond it.
    """
    if evidence.trial.phase == "screen":
        return "not tried: the study ended before its turn"
    if evidence.is_reference:
        return None
    if evidence.candidate.emulate:
        return f"emulated numerics, tried for stability only: {_verdict_of(evidence)}"
    if evidence.verdict != "stable":
        return "not verified: its numerics were not judged beside the fp32 reference"
    if reference_is_unstable and evidence.risk >= REFERENCE_RISK:
        return "not verified: the fp32 reference that it was judged by is itself unstable"
    return None


def _verdict_of(evidence: Evidence) -> str:
    return evidence.stability.sentence.rstrip(".") if evidence.stability else "not judged"


def _memory_rejection(evidence: Evidence, allowed: int) -> Rejected | None:
    peak = evidence.peak_memory_bytes
    if peak is None:
        return _rejected(
            evidence,
            f"Its peak memory was not measured, so it cannot be shown to stay within max_memory ({size(allowed)}).",
            "Leave max_memory out, or measure on a device that reports memory.",
        )
    if peak <= allowed:
        return None
    return _rejected(
        evidence,
        f"Its peak memory was {size(peak)}; max_memory allows {size(allowed)}.",
        f"Raise max_memory to {size(peak)} or more, or use a smaller batch.",
    )


def _rejected(evidence: Evidence, reason: str, remedy: str | None) -> Rejected:
    return Rejected(
        candidate=evidence.candidate,
        status=evidence.trial.status,
        reason=reason,
        remedy=remedy,
        trial_id=evidence.trial.id,
    )
