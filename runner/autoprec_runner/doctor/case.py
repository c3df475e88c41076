"""What a rule is asked to judge: a study before its first trial, or the trials of one."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from autoprec_probe.candidate import Candidate, Device, Strategy
from autoprec_probe.nvidia import lowest_capability
from autoprec_probe.profile import Accelerator, HardwareProfile
from autoprec_probe.rules.case import FORMATS, NumberFormat
from autoprec_probe.support import Support, support
from autoprec_runner.doctor.traits import WorkloadTraits
from autoprec_runner.trial import Trial


@dataclass(frozen=True, kw_only=True)
class StaticCase:
    """A workload, the candidates that would be tried with it, and the machine, before any trial.

    Rules judge built-in precisions only: what a third party's needs, its own rules know.
    """

    profile: HardwareProfile
    device: Device
    strategy: Strategy
    candidates: tuple[Candidate, ...]
    asked_for: bool
    """Whether the user named the candidates; otherwise they are everything that makes sense."""
    traits: WorkloadTraits

    @cached_property
    def verdicts(self) -> tuple[Support, ...]:
        """What the probe says of each built-in candidate."""
        return tuple(support(each, self.profile, self.device) for each in self.candidates if each.precision in FORMATS)

    def of_format(self, *formats: NumberFormat) -> list[Support]:
        """Return the verdicts on candidates that compute in one of these number formats, emulations left out."""
        return [
            each
            for each in self.verdicts
            if FORMATS[each.candidate.precision] in formats and not each.candidate.emulate
        ]

    def runnable(self, *precisions: str) -> list[Candidate]:
        """Return the candidates with one of these precisions that would be started here."""
        return [each.candidate for each in self.verdicts if each.can_run and each.candidate.precision in precisions]

    @property
    def accelerator(self) -> Accelerator | None:
        """The device to run on; None for a CPU."""
        readable = (each for each in self.profile.accelerators if each.kind == self.device and each.error is None)
        return next(readable, None)

    @property
    def device_name(self) -> str:
        """The device as a sentence names it."""
        if self.accelerator is not None:
            return self.accelerator.name or f"this {self.device} device"
        cpu = self.profile.cpu
        return cpu.model_name or cpu.microarchitecture or f"this {cpu.architecture} CPU"

    @property
    def capability(self) -> tuple[int, int] | None:
        """The compute capability of an NVIDIA device, as far as it can be told."""
        found = self.accelerator
        if found is None or found.vendor != "NVIDIA":
            return None
        return found.compute_capability or lowest_capability(found.architecture)


@dataclass(frozen=True, kw_only=True)
class TrialCase:
    """The trials of one study, in the order in which they were finished."""

    trials: tuple[Trial, ...]
    traits: WorkloadTraits | None = None
    """The description of the workload; None where it died before it could be described."""

    @cached_property
    def tried(self) -> tuple["Tried", ...]:
        """Each candidate that was started, with what its trials say together."""
        groups: dict[Candidate, list[Trial]] = {}
        for trial in self.trials:
            if trial.phase != "screen":
                groups.setdefault(trial.candidate, []).append(trial)
        return tuple(Tried(candidate=candidate, trials=tuple(trials)) for candidate, trials in groups.items())

    @property
    def reference(self) -> "Tried | None":
        """The candidate that the others are compared with."""
        plain = (each for each in self.tried if each.candidate.precision == "32-true" and not each.candidate.compile)
        return next((each for each in plain if each.candidate.matmul_precision == "highest"), None)

    def with_precision(self, *precisions: str) -> Iterator["Tried"]:
        """Yield the candidates with one of these precisions, emulations left out."""
        for each in self.tried:
            if each.candidate.precision in precisions and not each.candidate.emulate:
                yield each


@dataclass(frozen=True, kw_only=True)
class Tried:
    """One candidate and its trials, the last one deciding."""

    candidate: Candidate
    trials: tuple[Trial, ...]

    @property
    def name(self) -> str:
        """What sentences call it."""
        return str(self.candidate)

    @property
    def last(self) -> Trial:
        """The trial that decides."""
        return self.trials[-1]

    @property
    def step_seconds(self) -> float | None:
        """The time of a step by the latest trial that measured it and went well."""
        timed = (each.step_time for each in reversed(self.trials) if each.step_time and each.status == "ok")
        return next((each.median_seconds for each in timed), None)

    @property
    def peak_memory_bytes(self) -> int | None:
        """The peak memory by the latest trial that measured it and went well."""
        peaks = (each.peak_memory_bytes for each in reversed(self.trials) if each.status == "ok")
        return next((each for each in peaks if each is not None), None)

    @property
    def losses(self) -> tuple[float, ...]:
        """The losses of its longest run."""
        return max((each.losses for each in self.trials), key=len)


def names(candidates: Sequence[Candidate]) -> tuple[str, ...]:
    """Return candidates as tables name them, each once."""
    return tuple(dict.fromkeys(str(each) for each in candidates))
