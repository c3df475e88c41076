"""What another tool measured, as studies and trials of ours.

Such a trial says what was measured and no more. Its model is called by the tool and its name, because nothing tells the
structure; its numerics were not judged, so that no answer rests on it alone; its study counts as interrupted.
"""

import hashlib
import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from autoprec_probe.candidate import Candidate
from autoprec_probe.profile import HardwareProfile
from autoprec_runner.study import Study
from autoprec_runner.trial import Mode, StepTime, Trial, TrialStatus
from autoprec_service.errors import StoreConflictError
from autoprec_service.exchange.importing import Intake
from autoprec_service.exchange.report import ImportReport
from autoprec_service.store.contract import Store


@dataclass(frozen=True, kw_only=True)
class Measured:
    """One result of another tool."""

    tool: str
    model: str
    question: dict[str, Any]
    """Everything beside the precision that step times depend on: two results are compared where this is equal."""
    mode: Mode
    hardware: HardwareProfile
    hardware_key: str
    candidate: Candidate
    status: TrialStatus = "ok"
    reason: str
    step_time: StepTime | None = None
    samples_per_second: float | None = None
    peak_memory_bytes: int | None = None
    software: dict[str, str | None] = field(default_factory=dict)
    wall_seconds: float
    seed: int
    started_at: datetime

    def study(self) -> Study:
        """Return the study that it belongs to, with its own candidate alone."""
        return Study(
            id=_hash(self.tool, self.model, self.question, self.mode, self.hardware_key),
            model_fingerprint=f"{self.tool}:{self.model}",
            workload_key=_hash(self.tool, self.model, self.question, self.mode),
            workload=f"{self.model} ({self.tool})",
            hardware_key=self.hardware_key,
            hardware=self.hardware,
            mode=self.mode,
            objective="throughput",
            strategy=self.candidate.strategy,
            candidates=(self.candidate,),
            budget_seconds=0.0,
            seed=self.seed,
            status="interrupted",
            started_at=self.started_at,
        )

    def trial(self, study: Study) -> Trial:
        """Return the trial of a study."""
        figures = {"step_time", "samples_per_second", "peak_memory_bytes", "software", "wall_seconds", "started_at"}
        content = {name: getattr(self, name) for name in figures}
        return Trial(
            id=_hash(study.id, self.candidate.model_dump(), self.status, self.reason, str(content)),
            study_id=study.id,
            model_fingerprint=study.model_fingerprint,
            workload_key=study.workload_key,
            hardware_key=study.hardware_key,
            candidate=self.candidate,
            mode=self.mode,
            phase="sprint",
            status=self.status,
            reason=self.reason,
            support="native",
            conditions={"measured_by": self.tool},
            **content,
        )


def add_measured(store: Store, found: list[tuple[int, Measured | ValueError]], notes: set[str]) -> ImportReport:
    """Add results to the store, and report those that cannot be ours; numbers are of files or experiments."""
    intake = Intake(store=store)
    for number, each in found:
        if isinstance(each, ValueError):
            intake.refuse(number, each)
            continue
        study = _merged(store, each.study())
        try:
            intake.new += store.save_studies([study])
        except StoreConflictError as error:
            intake.refuse(number, error)
            continue
        intake.take_record(number, each.trial(study))
    intake.add_trials()
    return intake.report().model_copy(update={"notes": tuple(sorted(notes))})


def read_object(path: Path) -> dict[str, Any]:
    """Return the JSON object of a file.

    Raises:
        ValueError: The file cannot be read or holds something else.
    """
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, json.JSONDecodeError, RecursionError) as error:
        raise ValueError(f"{path.name} cannot be read: {error}.") from error
    if not isinstance(found, dict):
        raise ValueError(f"{path.name} holds no JSON object.")  # noqa: TRY004 (a wrong value)
    return found


def written_at(path: Path) -> datetime:
    """Return when a file was written, which stands for when it was measured where the file itself tells no time."""
    return datetime.fromtimestamp(path.stat().st_mtime, UTC)


def _merged(store: Store, study: Study) -> Study:
    """Return the study with the candidates that it has in the store, and its own."""
    earlier = store.study(study.id)
    if earlier is None:
        return study
    return earlier.model_copy(update={"candidates": tuple(dict.fromkeys((*earlier.candidates, *study.candidates)))})


def _hash(*parts: Any) -> str:
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()[:32]
