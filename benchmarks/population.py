"""Models, machines and trials made up by chance from a seed: as many as a busy company has, and alike each time.

Machines are rows of autoprec's catalogue. How long a step takes follows from a model's size and a machine's peaks.
Which half precisions ruin a model is a trait of the model, so that what is true of it on one machine helps on the next.
"""

import hashlib
import random
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cache

from autoprec_probe.candidate import Candidate
from autoprec_probe.catalog import AcceleratorFacts, accelerators, profile_from_key
from autoprec_probe.profile import HardwareProfile
from autoprec_runner.description import ModelDescription
from autoprec_runner.prediction.cost import StepCost, StepMemory, Work, WorkloadCost
from autoprec_runner.study import Study
from autoprec_runner.trial import Mode, Stability, StepTime, Trial, TrialStatus

MACHINES = 40
"""On how many kinds of hardware each model is measured."""
CANDIDATES = tuple(Candidate(precision=each) for each in ("32-true", "bf16-mixed", "16-mixed", "bf16-true", "16-true"))
TRIALS_PER_MODEL = MACHINES * len(CANDIDATES)
LOSSES = 16
"""Losses that a trial keeps; real ones keep up to 256, which makes their documents some times as long."""

_BEGIN = datetime(2025, 1, 1, tzinfo=UTC)
_MINUTES = 365 * 24 * 60
_TORCH = ("2.7.1", "2.8.0", "2.9.1", "2.13.0")
"""The versions of a year, each for a quarter of it."""
_COMPUTE = {
    "32-true": "float32",
    "bf16-mixed": "bfloat16",
    "16-mixed": "float16",
    "bf16-true": "bfloat16",
    "16-true": "float16",
}
_RUINED = {"16-true": 0.3, "bf16-true": 0.25, "16-mixed": 0.08, "bf16-mixed": 0.04}
"""The share of models that a precision ruins in training."""
_FAMILIES = {
    "decoder": {"Linear": 6, "LayerNorm": 2, "Dropout": 2},
    "encoder": {"Linear": 6, "LayerNorm": 2, "GELU": 1},
    "cnn": {"Conv2d": 3, "BatchNorm2d": 3, "ReLU": 3},
    "mlp": {"Linear": 1, "ReLU": 1},
    "lstm": {"LSTM": 1},
    "diffusion": {"Conv2d": 4, "GroupNorm": 3, "SiLU": 3, "Linear": 2},
}
_TRAINED_SHARE = 0.8
_FASTEST_SHARE = 0.45
"""The share of a peak that a model reaches at best."""
_START_SECONDS = 6e-6


@dataclass(frozen=True, kw_only=True)
class Machine:
    """One kind of hardware."""

    key: str
    facts: AcceleratorFacts
    profile: HardwareProfile

    def seconds(self, flops: float, moved_bytes: float, dtype: str) -> float | None:
        """Return what a step of this work takes at the peaks; None where there are no units for the format."""
        peak = self.facts.peak_tflops(dtype)
        if peak is None:
            return None
        bandwidth = self.facts.memory_bandwidth_gbytes_per_second or 100.0
        return flops / (peak * 1e12) + moved_bytes / (bandwidth * 1e9)


@dataclass(frozen=True, kw_only=True)
class Model:
    """One model with its workload."""

    fingerprint: str
    workload_key: str
    name: str
    family: str
    mode: Mode
    parameters: int
    depth: int
    samples: int
    """Tokens or pixels in a batch, each of which every weight meets once."""
    activations_bytes: int
    """In float32."""
    reached: float
    """The share of a machine's peak that it reaches."""
    ruined: frozenset[str]
    """The precisions that do not train it."""

    @property
    def flops(self) -> float:
        """Multiplications and additions of a step, both counted."""
        return (6.0 if self.mode == "train" else 2.0) * self.parameters * self.samples

    def weights_bytes(self, precision: str) -> int:
        """Weights, and in training gradients and the two moments of Adam."""
        width = 2 if precision.endswith("-true") and precision != "32-true" else 4
        return self.parameters * width * (4 if self.mode == "train" else 1)

    def peak_bytes(self, precision: str) -> int:
        """The most that is alive in a step."""
        share = 1.0 if precision == "32-true" else 0.55
        return self.weights_bytes(precision) + int(self.activations_bytes * share)

    @property
    def description(self) -> ModelDescription:
        """What may be told of it, its cost included."""
        block = _FAMILIES[self.family]
        return ModelDescription(
            model_fingerprint=self.fingerprint,
            workload_key=self.workload_key,
            name=self.name,
            mode=self.mode,
            parameters=self.parameters,
            layers={layer: count * self.depth for layer, count in block.items()},
            cost=self._cost(),
        )

    def _cost(self) -> WorkloadCost:
        return WorkloadCost(
            name=self.name,
            description=f"{self.name}, batches of {self.samples}",
            model_fingerprint=self.fingerprint,
            workload_key=self.workload_key,
            mode=self.mode,
            parameters=self.parameters,
            batch_size=self.samples,
            batches_bytes=16 * self.samples,
            one_batch_bytes=4 * self.samples,
            steps=tuple(self._step(each.precision) for each in CANDIDATES),
        )

    def _step(self, precision: str) -> StepCost:
        dtype, weights = _COMPUTE[precision], self.weights_bytes(precision)
        width = 4 if dtype == "float32" else 2
        product = Work(
            layer="",
            moment="forward",
            kind="product",
            dtype=dtype,
            count=6 * self.depth,
            flops=self.flops / 3 if self.mode == "train" else self.flops,
            elements=self.activations_bytes / 4,
            read_bytes=float(self.parameters * width),
            written_bytes=self.activations_bytes / 4 * width,
        )
        pointwise = product.model_copy(update={"kind": "pointwise", "flops": 0.0, "dtype": "float32"})
        work = [product, pointwise]
        if self.mode == "train":
            double = {"moment": "backward", "count": 12 * self.depth, "flops": 2 * self.flops / 3}
            work += [product.model_copy(update=double), pointwise.model_copy(update={"moment": "update"})]
        own = self.parameters * (weights // self.parameters // (4 if self.mode == "train" else 1))
        memory = StepMemory(
            weights_bytes=own,
            gradients_bytes=own if self.mode == "train" else 0,
            optimizer_bytes=2 * own if self.mode == "train" else 0,
            activations_bytes=int(self.activations_bytes * width / 4),
            peak_bytes=self.peak_bytes(precision),
            peak_moment="backward" if self.mode == "train" else "forward",
        )
        return StepCost(precision=precision, work=tuple(work), memory=memory)


@cache
def machines() -> tuple[Machine, ...]:
    """Return the kinds of hardware that are measured, then those that nobody has measured yet."""
    complete = (each for each in accelerators() if each.peak_tflops("float32") and each.memory_total_bytes)
    return tuple(Machine(key=each.key, facts=each, profile=profile_from_key(each.key)) for each in complete)


def model(number: int, *, seed: int = 0) -> Model:
    """Return the model with this number."""
    chance = _chance("model", seed, number)
    family, parameters = (
        chance.choice(["decoder", "encoder", "cnn", "mlp", "diffusion"]),
        int(10 ** chance.uniform(5, 9.7)),
    )
    mode: Mode = "train" if chance.random() < _TRAINED_SHARE else "inference"
    samples = chance.choice((256, 1024, 4096, 16384))
    return Model(
        fingerprint=_name("model", seed, number)[:16],
        workload_key=_name("workload", seed, number)[:16],
        name=f"{family}-{parameters / 1e6:.0f}m-{number}",
        family=family,
        mode=mode,
        parameters=parameters,
        depth=chance.randint(2, 48),
        samples=samples,
        activations_bytes=int(parameters**0.5 * samples * chance.uniform(4, 60)),
        reached=_FASTEST_SHARE * chance.uniform(0.2, 1.0),
        ruined=frozenset(each for each, share in _RUINED.items() if mode == "train" and chance.random() < share),
    )


def stranger(number: int, *, seed: int = 0) -> Model:
    """Return a model that is like none of the others: tiny, shallow, and of layers that they have not."""
    chance = _chance("stranger", seed, number)
    return replace(
        model(number, seed=seed),
        fingerprint=_name("stranger", seed, number)[:16],
        workload_key=_name("strange workload", seed, number)[:16],
        name=f"lstm-{number}",
        family="lstm",
        parameters=chance.randint(100, 900),
        depth=1,
        samples=8,
        activations_bytes=chance.randint(1000, 9000),
    )


def models_for(trials: int) -> int:
    """Return how many models have this many trials together."""
    return -(-trials // TRIALS_PER_MODEL)


def studies_of(asked: Model, *, seed: int = 0) -> Iterator[tuple[Study, list[Trial]]]:
    """Yield the study of a model on each machine, with its trials."""
    for machine in machines()[:MACHINES]:
        yield _study(asked, machine, _chance("study", seed, asked.fingerprint, machine.key))


def _study(asked: Model, machine: Machine, chance: random.Random) -> tuple[Study, list[Trial]]:
    started = _BEGIN + timedelta(minutes=chance.randrange(_MINUTES))
    study = Study(
        id=_name("study", asked.fingerprint, machine.key, chance.random()),
        model_fingerprint=asked.fingerprint,
        workload_key=asked.workload_key,
        workload=asked.name,
        hardware_key=machine.key,
        hardware=machine.profile,
        mode=asked.mode,
        objective="throughput",
        candidates=CANDIDATES,
        budget_seconds=60.0,
        seed=0,
        status="complete",
        started_at=started,
        finished_at=started + timedelta(seconds=55),
    )
    return study, [_trial(study, asked, machine, each, chance) for each in CANDIDATES]


def _trial(study: Study, asked: Model, machine: Machine, candidate: Candidate, chance: random.Random) -> Trial:
    precision = candidate.precision
    status, reason = _ending(asked, machine, precision)
    ran = status in {"ok", "unstable"}
    losses = tuple(2.3 * 0.97**step * chance.uniform(0.98, 1.02) for step in range(LOSSES)) if ran else ()
    step = _step_time(asked, machine, precision, chance) if ran else None
    return Trial(
        id=_name(study.id, precision),
        study_id=study.id,
        model_fingerprint=asked.fingerprint,
        workload_key=asked.workload_key,
        hardware_key=machine.key,
        candidate=candidate,
        mode=asked.mode,
        phase="verify" if ran else "sprint",
        status=status,
        reason=reason,
        support="unsupported" if status == "unsupported" else "native",
        step_time=step,
        samples_per_second=asked.samples / step.median_seconds if step else None,
        peak_memory_bytes=asked.peak_bytes(precision) if ran else None,
        losses=losses if asked.mode == "train" else (),
        final_loss=losses[-1] if losses else None,
        stability=_stability(status, chance) if ran else None,
        software={
            "python": "3.11.13",
            "torch": _TORCH[(study.started_at.month - 1) // 3],
            "cuda": "12.8",
            "driver": "570.86.15",
        },
        conditions={
            "threads": 8,
            "load": round(chance.uniform(0, 4), 2),
            "temperature_celsius": chance.randint(40, 80),
        },
        started_at=study.started_at + timedelta(seconds=10 * CANDIDATES.index(candidate)),
        wall_seconds=round(chance.uniform(4, 14), 3),
    )


def _ending(asked: Model, machine: Machine, precision: str) -> tuple[TrialStatus, str]:
    if machine.seconds(1.0, 1.0, _COMPUTE[precision]) is None:
        return "unsupported", f"{machine.facts.names[0]} has no units for {_COMPUTE[precision]}."
    if asked.peak_bytes(precision) > (machine.facts.memory_total_bytes or 0):
        return "oom", "The memory of the device was exhausted in step 1."
    if precision in asked.ruined:
        return "unstable", "The loss strays from that of 32-true by more than its own spread."
    return "ok", f"{precision} was measured over 40 steps."


def _step_time(asked: Model, machine: Machine, precision: str, chance: random.Random) -> StepTime:
    ideal = machine.seconds(asked.flops / asked.reached, asked.peak_bytes(precision) * 3.0, _COMPUTE[precision])
    assert ideal is not None  # it ran
    median = (ideal + 12 * asked.depth * _START_SECONDS) * chance.uniform(0.97, 1.03)
    spread = chance.uniform(0.002, 0.02)
    return StepTime(
        median_seconds=median,
        low_seconds=median * (1 - spread),
        high_seconds=median * (1 + spread),
        steps=40,
        warmup_steps=5,
    )


def _stability(status: TrialStatus, chance: random.Random) -> Stability:
    stable = status == "ok"
    return Stability(
        verdict="stable" if stable else "unstable",
        sentence=f"The loss {'follows' if stable else 'strays from'} that of 32-true over 40 steps.",
        steps=40,
        deviation=chance.uniform(0, 0.02) if stable else chance.uniform(0.2, 3.0),
        allowed=0.05,
        headroom_bits=chance.uniform(2, 12),
    )


def _name(*parts: object) -> str:
    return hashlib.blake2b(" ".join(map(str, parts)).encode(), digest_size=16).hexdigest()


def _chance(*parts: object) -> random.Random:
    return random.Random(" ".join(map(str, parts)))  # noqa: S311 (nothing here is secret)
