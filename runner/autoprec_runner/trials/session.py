"""The parent's hold on one trial: a child that has one candidate set up and runs steps when asked."""

import math
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict

from autoprec_probe.candidate import Candidate, Device
from autoprec_probe.precision import BITSANDBYTES
from autoprec_runner.isolation.child import ChildError, ChildProcess
from autoprec_runner.isolation.forkserver import ForkServer
from autoprec_runner.trial import EffectiveDtypes, Mode, StepParts
from autoprec_runner.trials.bottleneck import bottleneck
from autoprec_runner.trials.evidence import Activations, Evidence, Held
from autoprec_runner.trials.failure import TrialFailedError, failure_from_answer, failure_from_child
from autoprec_runner.trials.measure import is_stationary, warmup_steps
from autoprec_runner.trials.prepared import Prepared
from autoprec_runner.trials.slope import Sample
from autoprec_runner.workload.tried import Tried

_WORKER = "autoprec_runner.trials.worker:main"
_QUANTIZED_LAYERS = ("autoprec_runner.precision.bitsandbytes.layers",)
_PRELOAD_XLA = ("torch_xla",)
"""What takes seconds to import, which would otherwise be paid by every trial of such a candidate. Importing torch-xla
starts no runtime of XLA, which would not survive a fork: that happens in the child."""
_PRELOAD_COMPILER = ("torch._inductor.compile_fx",)
_MOST_SETTLING_STEPS = 16
KEPT_LOSSES = 256

Variation = Literal["none", "weights", "randomness"]
"""How a second run of the reference differs: not at all, by noise on its weights, or by the numbers that it draws."""


@dataclass(frozen=True, kw_only=True)
class Setting:
    """What all trials of a study have in common; it crosses to the child as JSON."""

    source: str
    """Where the workload comes from: `WorkloadSource.to_json()`."""
    mode: Mode | None
    """None for the mode that the workload itself asks for."""
    device: Device
    seed: int
    sys_path: tuple[str, ...]
    folder: str
    """Working folder of the parent."""
    temporary: str
    """Temporary folder of the trials, removed with the study."""
    devices: int = 1
    """Processes that share the step of a trial, each with a device of its own (cores, on a CPU)."""
    has_accelerator: bool = False
    """Whether the machine has one: what starts its runtime when imported is then left to the children, because no
    runtime survives a fork."""


class Enlarged(BaseModel):
    """What steps on an enlarged batch took."""

    model_config = ConfigDict(frozen=True)

    step_seconds: float
    peak_memory_bytes: int


class TrialSession:
    """One candidate on one workload in a child of its own. Every failure is a `TrialFailedError` and ends the child."""

    def __init__(
        self,
        server: ForkServer,
        setting: Setting,
        candidate: Candidate,
        *,
        memory_limit_bytes: int,
        is_reference: bool = False,
        variation: Variation = "none",
        tried: Tried | None = None,
    ) -> None:
        self.candidate = candidate
        self.started_at = datetime.now(UTC)
        self.evidence = Evidence()
        self.prepared: Prepared | None = None
        self.prepare_seconds = 0.0
        self._started = time.monotonic()
        self._compilations = 0
        arguments = {
            **asdict(setting),
            "candidate": candidate.model_dump(),
            "is_reference": is_reference,
            "variation": variation,
            "tried": tried and tried.model_dump(),
        }
        server.preload(_preload(candidate, setting))
        self._child = ChildProcess(server, _WORKER, arguments, memory_limit_bytes=memory_limit_bytes)

    @property
    def wall_seconds(self) -> float:
        """Seconds since the child was started."""
        return time.monotonic() - self._started

    def prepare(self, *, timeout_seconds: float) -> Prepared:
        """Load the workload in the child and set it up for the candidate."""
        started = time.monotonic()
        self.prepared = Prepared.model_validate(self._ask({"op": "prepare"}, timeout_seconds))
        self.prepare_seconds = time.monotonic() - started
        return self.prepared

    def observe(self, *, steps: int, max_seconds: float, timeout_seconds: float) -> None:
        """Run untimed steps with every module watched."""
        seconds = self._run(steps, max_seconds, timeout_seconds, observe=True)
        if self.evidence.first_step_seconds is None:
            self.evidence.first_step_seconds = seconds[0]
            self.evidence.compile_seconds += seconds[0] if self._compilations else 0.0

    def settle(self, *, timeout_seconds: float) -> None:
        """Run untimed steps until every batch has had one without compilation, under strategies that compile steps.

        A workload that never comes to that compiles in timed steps as well: so it will in earnest.

        Args:
            timeout_seconds: What each of them may take.
        """
        assert self.prepared is not None, "prepare() comes first"
        settled = 0 if self._compilations else self.prepared.batches
        for _ in range(self.prepared.batches + _MOST_SETTLING_STEPS):
            if settled >= self.prepared.batches:
                return
            seconds = self._run(1, 0.0, timeout_seconds, observe=False)
            settled = 0 if self._compilations else settled + 1
            self.evidence.compile_seconds += sum(seconds) if self._compilations else 0.0

    def warm_up(self, *, max_steps: int, max_seconds: float, timeout_seconds: float) -> None:
        """Run more steps; those before the step time was stationary are warm-up, the rest is the first timed round."""
        evidence = self.evidence
        series = [*evidence.warmup, *(second for each in evidence.rounds for second in each)]
        series += self._run(max_steps, max_seconds, timeout_seconds, observe=False)
        dropped = warmup_steps(series)
        evidence.warmup, evidence.rounds = series[:dropped], [series[dropped:]]

    @property
    def is_warm(self) -> bool:
        """Whether the step time has become stationary."""
        evidence = self.evidence
        return bool(evidence.rounds) and is_stationary(evidence.warmup + evidence.rounds[-1])

    def time_round(self, *, max_steps: int, max_seconds: float, timeout_seconds: float) -> None:
        """Run one timed round of a race."""
        self.evidence.rounds.append(self._run(max_steps, max_seconds, timeout_seconds, observe=False))

    def split(self, *, max_steps: int, max_seconds: float, timeout_seconds: float) -> None:
        """Run a few more steps, untimed as such, to see where their time goes and what they hold."""
        answer = self._ask({"op": "split", "max_steps": max_steps, "max_seconds": max_seconds}, timeout_seconds)
        for run in answer["runs"]:
            self._take(run)
        fetch_seconds = self.prepared.fetch_seconds if self.prepared else None
        parts = StepParts(fetch_seconds=fetch_seconds, **answer["parts"])
        self.evidence.parts = parts.model_copy(update={"bottleneck": bottleneck(parts)})
        self.evidence.held = Held.model_validate(answer["memory"])

    def enlarge(self, *, factor: int, steps: int, timeout_seconds: float) -> Enlarged:
        """Have the child repeat the samples of its batches, and run steps on them that are no part of the evidence."""
        return Enlarged.model_validate(self._ask({"op": "enlarge", "factor": factor, "steps": steps}, timeout_seconds))

    def save_outputs(self, path: str, *, timeout_seconds: float) -> bool:
        """Have the child write the outputs of every batch to a file; return whether none holds NaN."""
        return bool(self._ask({"op": "save_outputs", "path": path}, timeout_seconds)["numbers"])

    def compare_outputs(self, path: str, *, timeout_seconds: float) -> Mapping[str, Any]:
        """Have the child compare the outputs of every batch with those in a file."""
        return self._ask({"op": "compare_outputs", "path": path}, timeout_seconds)

    def resume(self, *, timeout_seconds: float) -> None:
        """Have the child save, step, load and step again."""
        answer = self._ask({"op": "resume"}, timeout_seconds)
        if "failure" not in answer:
            self.evidence.resumed = all(map(_same, answer["before"], answer["after"]))
        self.evidence.resume_failure = answer.get("failure")

    def write_trace(self, path: str, *, timeout_seconds: float) -> None:
        """Have the child write what its modules take and put out for one batch. It is of no further use then."""
        self._ask({"op": "trace", "path": path, "write": True}, timeout_seconds)

    def departures(self, path: str, *, timeout_seconds: float) -> dict[str, tuple[float, float]]:
        """Have the child compare the same with a file: relative errors of what each module took and put out."""
        answer = self._ask({"op": "trace", "path": path, "write": False}, timeout_seconds)
        return {name: (float(taken), float(put_out)) for name, (taken, put_out) in answer["departures"].items()}

    def metric(self, *, timeout_seconds: float) -> float:
        """Have the child take the user's metric of the model as it is now."""
        return float(self._ask({"op": "metric"}, timeout_seconds)["value"])

    @property
    def closed(self) -> bool:
        """Whether the child has been ended."""
        return self._child.closed

    def close(self) -> None:
        """End the child; its evidence stays. Closing twice does nothing."""
        self._child.close()

    def __enter__(self) -> Self:
        """Return the session itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """End the child."""
        self.close()

    def _run(self, max_steps: int, max_seconds: float, timeout_seconds: float, *, observe: bool) -> list[float]:
        answer = self._ask(
            {"op": "run", "max_steps": max_steps, "max_seconds": max_seconds, "observe": observe},
            timeout_seconds,
        )
        self._take(answer)
        return list(answer["seconds"])

    def _take(self, answer: Mapping[str, Any]) -> None:
        evidence = self.evidence
        self._compilations = answer["compilations"]
        losses: list[float] = answer["losses"]
        if evidence.first_nonfinite_step is None:
            bad = (place for place, loss in enumerate(losses) if not math.isfinite(loss))
            first = next(bad, None)
            evidence.first_nonfinite_step = None if first is None else evidence.steps + first
        evidence.losses += losses
        evidence.steps += len(answer["seconds"])
        evidence.skipped_steps += answer["skipped_steps"]
        evidence.nonfinite_parameters = evidence.nonfinite_parameters or tuple(answer["nonfinite_parameters"])
        evidence.underflowing_eps = answer["underflowing_eps"]
        evidence.effective_dtypes = EffectiveDtypes.model_validate(answer["effective_dtypes"])
        first = evidence.steps - len(answer["seconds"])
        samples = [(first + place, held) for place, held in enumerate(answer["memory_bytes"])]
        self._take_memory(samples, watched=answer["activations"] is not None)
        examined = answer["examined"]
        evidence.gradient_cosine = examined.get("gradient_cosine", evidence.gradient_cosine)
        evidence.gradient_underflow = examined.get("gradient_underflow", evidence.gradient_underflow)
        evidence.lost_updates += examined.get("lost_updates", [])
        evidence.scales += answer["scales"]
        evidence.is_random |= answer["is_random"]
        if answer["activations"]:
            evidence.activations = _joined(evidence.activations, Activations.model_validate(answer["activations"]))
        elif not self._compilations:
            # Watching modules and compiling take memory of their own: only other steps count.
            evidence.peak_memory_bytes = max(evidence.peak_memory_bytes or 0, answer["peak_memory_bytes"])

    def _take_memory(self, samples: list[Sample], *, watched: bool) -> None:
        evidence = self.evidence
        if self._compilations:
            return
        if watched:
            evidence.watched_memory = max(evidence.watched_memory, samples, key=len)
        else:
            evidence.unwatched_memory += samples

    def _ask(self, request: Mapping[str, Any], timeout_seconds: float) -> dict[str, Any]:
        try:
            answer = self._child.ask(request, timeout_seconds=timeout_seconds)
        except ChildError as error:
            raise failure_from_child(error, self._child.printed) from error
        if "error" in answer:
            self.close()
            raise failure_from_answer(answer["error"])
        return answer


def _same(one: float, other: float) -> bool:
    return one == other or (math.isnan(one) and math.isnan(other))


def _preload(candidate: Candidate, setting: Setting) -> tuple[str, ...]:
    if candidate.strategy == "xla":
        return _PRELOAD_XLA
    if setting.has_accelerator:  # the compiler and bitsandbytes ask every GPU for its capability when imported
        return ()
    if candidate.compile:
        return _PRELOAD_COMPILER
    return _QUANTIZED_LAYERS if candidate.precision in BITSANDBYTES else ()


def _joined(before: Activations, after: Activations) -> Activations:
    largest = {
        name: max(before.largest.get(name, 0.0), after.largest.get(name, 0.0))
        for name in {**before.largest, **after.largest}
    }
    bits = [each for each in (before.headroom_bits, after.headroom_bits) if each is not None]
    return Activations(
        nonfinite=before.nonfinite or after.nonfinite,
        largest=largest,
        headroom_bits=min(bits, default=None),
        tightest={
            name: min(before.tightest.get(name, math.inf), after.tightest.get(name, math.inf))
            for name in {**before.tightest, **after.tightest}
        },
    )


__all__ = [
    "KEPT_LOSSES",
    "Activations",
    "Enlarged",
    "Evidence",
    "Held",
    "Prepared",
    "Setting",
    "TrialFailedError",
    "TrialSession",
]
