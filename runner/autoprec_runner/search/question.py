"""What a study is asked, and the identity that follows from it."""

import hashlib
import json
from dataclasses import dataclass, field
from typing import Literal

from autoprec_probe.candidate import Candidate, Device, Strategy
from autoprec_probe.profile import HardwareProfile
from autoprec_runner.study import Constraints
from autoprec_runner.trial import Mode, Objective
from autoprec_runner.trials.prepared import Prepared

MEASUREMENT_VERSION = 5
"""Raised when trials are measured or judged differently, so that older answers are not taken for current ones."""


DECISIVE_PACKAGES = ("bitsandbytes", "torch-xla", "transformer-engine")
"""Packages that candidates need: once one is installed or another version of it, the question is a new one."""


@dataclass(frozen=True, kw_only=True)
class Question:
    """Which precision for this workload on this machine?"""

    source: str
    """Where the workload comes from: `WorkloadSource.to_json()`."""
    profile: HardwareProfile
    device: Device
    mode: Mode | None = None
    objective: Objective = "throughput"
    constraints: Constraints = field(default_factory=Constraints)
    strategy: Strategy = "single"
    devices: int = 1
    """Processes that share the step of a trial."""
    candidates: tuple[Candidate, ...] | None = None
    """What to try; None for everything that makes sense on this machine. The reference `32-true` is always tried."""
    compile: bool = False
    """Whether to try those who survive the sprint a second time, compiled."""
    batch_size: Literal["max"] | None = None
    """Whether to find the largest batch of each contender; None leaves batches as they are."""
    budget_seconds: float = 60.0
    seed: int = 0
    memory_limit_bytes: int | None = None
    """What the trials may take together of the machine's memory; None for nearly all that is available."""

    @property
    def reference(self) -> Candidate:
        """The candidate that all others are compared with."""
        return Candidate(precision="32-true", strategy=self.strategy)

    def identity(self, prepared: Prepared, candidates: tuple[Candidate, ...]) -> str:
        """Return a short hash of everything that the answer depends on."""
        facts = [
            MEASUREMENT_VERSION,
            prepared.workload_key,
            prepared.mode,
            prepared.torch,
            prepared.threads,
            self.profile.key_for(self.device),
            self.objective,
            self.constraints.model_dump(),
            [each.model_dump() for each in candidates],
            self.compile,
            self.batch_size,
            self.budget_seconds,
            self.seed,
            self.memory_limit_bytes,
            [self.profile.software.packages.get(name) for name in DECISIVE_PACKAGES],
        ]
        return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:16]
