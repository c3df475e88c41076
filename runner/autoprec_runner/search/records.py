"""Writing down what a session has shown, as a trial."""

import os
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Self

import psutil

from autoprec_probe.candidate import Device
from autoprec_probe.profile import HardwareProfile
from autoprec_probe.support import Support
from autoprec_runner.quantities import duration
from autoprec_runner.search.contender import Contender
from autoprec_runner.search.question import MEASUREMENT_VERSION
from autoprec_runner.trial import MemoryParts, Phase, Stability, StepTime, Trial, TrialStatus
from autoprec_runner.trials.energy import energy_per_sample
from autoprec_runner.trials.evidence import Evidence
from autoprec_runner.trials.measure import step_time
from autoprec_runner.trials.prepared import Prepared
from autoprec_runner.trials.session import KEPT_LOSSES


@dataclass(frozen=True, kw_only=True)
class Recorder:
    """Knows what all trials of a study have in common, and makes trials of sessions."""

    study_id: str
    prepared: Prepared
    profile: HardwareProfile
    device: Device
    surroundings: dict[str, str | float | None] = field(default_factory=dict)
    """What else ran on the machine when the study began and during the race, and what was done about it."""

    def under(self, conditions: Mapping[str, str | float | None]) -> Self:
        """Return the same recorder for trials that were timed under these conditions."""
        return replace(self, surroundings={**self.surroundings, **conditions})

    def measured(self, contender: Contender, phase: Phase, stability: Stability | None = None) -> Trial:
        """Return the trial of a contender that ran as asked, with its verdict if it has been judged."""
        if stability and stability.verdict == "unstable":
            return self.unstable(contender, phase, stability)
        time = _time(contender)
        reason = _timing_sentence(time) if time else "Ran with emulated numerics: for stability only, and not timed."
        return self._ran(contender, phase, status="ok", reason=reason, stability=stability)

    def unstable(self, contender: Contender, phase: Phase, stability: Stability) -> Trial:
        """Return the trial of a contender whose numbers are wrong."""
        return self._ran(contender, phase, status="unstable", reason=stability.sentence, stability=stability)

    def failed(self, contender: Contender, phase: Phase, *, status: TrialStatus, reason: str) -> Trial:
        """Return the trial of a contender that did not run to its end, with whatever it had shown by then."""
        return self._ran(contender, phase, status=status, reason=reason, stability=None)

    def refused(self, support: Support, *, status: TrialStatus, reason: str, remedy: str | None) -> Trial:
        """Return the trial of a candidate that was never started."""
        return Trial(
            **self._common(support),
            phase="screen",
            status=status,
            reason=reason,
            remedy=remedy,
            started_at=datetime.now(UTC),
            wall_seconds=0.0,
        )

    def _ran(
        self,
        contender: Contender,
        phase: Phase,
        *,
        status: TrialStatus,
        reason: str,
        stability: Stability | None,
    ) -> Trial:
        session, prepared = contender.session, self.prepared
        evidence = session.evidence
        time = _time(contender)
        return Trial(
            **self._common(contender.support),
            phase=phase,
            status=status,
            reason=reason,
            remedy=contender.support.remedy if status != "ok" else None,
            step_time=time,
            samples_per_second=_rate(prepared.batch_size, time),
            tokens_per_second=_rate(prepared.tokens_per_batch, time),
            peak_memory_bytes=None if contender.candidate.emulate else evidence.peak_memory_bytes,
            memory_parts=_memory(evidence) if not contender.candidate.emulate else None,
            compile_seconds=evidence.compile_seconds or None,
            parts=evidence.parts,
            energy=energy_per_sample(contender.energy, prepared.batch_size),
            largest_batch=contender.largest_batch,
            losses=tuple(evidence.losses[:KEPT_LOSSES]),
            final_loss=evidence.losses[-1] if evidence.losses else None,
            loss_scales=tuple(evidence.scales[:KEPT_LOSSES]) if prepared.mode == "train" else (),
            stability=stability,
            effective_dtypes=evidence.effective_dtypes,
            started_at=session.started_at,
            wall_seconds=session.wall_seconds,
        )

    def _common(self, support: Support) -> dict[str, Any]:
        return {
            "id": uuid.uuid4().hex,
            "study_id": self.study_id,
            "model_fingerprint": self.prepared.fingerprint,
            "workload_key": self.prepared.workload_key,
            "hardware_key": self.profile.key_for(self.device),
            "candidate": support.candidate,
            "mode": self.prepared.mode,
            "support": support.level,
            "software": self.profile.software.packages,
            "conditions": {**_conditions(self.prepared), **self.surroundings},
        }


def _time(contender: Contender) -> StepTime | None:
    """Return the time of a step; what an emulation takes says nothing of the format that it emulates."""
    evidence = contender.session.evidence
    if contender.candidate.emulate or not any(evidence.rounds):
        return None
    return step_time(evidence.rounds, dropped=len(evidence.warmup))


def _memory(evidence: Evidence) -> MemoryParts | None:
    if evidence.held is None or evidence.peak_memory_bytes is None:
        return None
    held = evidence.held.model_dump()
    rest = evidence.peak_memory_bytes - sum(each for each in held.values() if each is not None)
    return MemoryParts(**held, rest_bytes=max(0, rest))


def _timing_sentence(time: StepTime) -> str:
    interval = f"95 % interval {duration(time.low_seconds)} to {duration(time.high_seconds)}"
    return f"{duration(time.median_seconds)} a step, the median of {time.steps} ({interval})."


def _rate(per_step: int | None, time: StepTime | None) -> float | None:
    return per_step / time.median_seconds if per_step and time else None


def _conditions(prepared: Prepared) -> dict[str, str | int | float | None]:
    """Return the circumstances that step times depend on (see `GOMP_SPINCOUNT` in libgomp's manual)."""
    return {
        "measurement_version": MEASUREMENT_VERSION,
        "torch_threads": prepared.threads,
        "usable_cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "load_average_1min": psutil.getloadavg()[0],
        "OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS"),
        "GOMP_SPINCOUNT": os.environ.get("GOMP_SPINCOUNT"),
        "OMP_WAIT_POLICY": os.environ.get("OMP_WAIT_POLICY"),
    }
