"""The truth about a workload, measured exhaustively with Lightning Fabric: how fast each precision is, how it learns.

Nothing here uses autoprec's measurements or verdicts. Every precision is set up by Fabric, save those that it does
not have (modules kept in fp32, quantized training), which autoprec's engine runs; for `16-mixed` Fabric gets its own
fp16 plugin handed over, because by itself it would run bf16 instead on a CPU.

*Speed*: all precisions in one process, in interleaved rounds; the median over rounds. One whose step takes more than
four times the best's cannot win: it is timed by a few steps and trained for fewer.

*Stability*: training from several seeds, which give other weights to start from. The tail of a run is the mean of its
last quarter. A precision is ruined if a loss is not finite; if its tails lie above the truth's, in the mean, by more
than 5 % and more than the differences at single seeds are apart, or if the highest does by half; or if it makes less
than half of the truth's progress. The differences are taken seed by seed, because a precision that loses as much from
every seed is at fault, however far apart the seeds are. The truth is fp32, unless fp32 is ruined by itself or beside
fp64; then it is fp64.
"""

import json
import logging
import math
import os
import statistics
import time
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from lightning_fabric import Fabric
from lightning_fabric.plugins import MixedPrecision

from autoprec_probe import Candidate
from autoprec_runner.engine import Engine
from autoprec_runner.workload import FactorySource
from autoprec_runner.workload.task import resolve
from table import CORE, EVERY, Entry

REFERENCE, DOUBLE = Candidate(precision="32-true"), Candidate(precision="64-true")
SLOW = 4.0
"""A step that takes so many times the best's cannot win."""
LEAST_GAP, LEAST_PROGRESS = 0.05, 0.5
_WARM_STEPS, _SLOW_SHARE = 3, 5
_ROUND_SECONDS, _MOST_ROUND_STEPS = 0.2, 100
_DIGITS = 6


@dataclass(frozen=True, kw_only=True)
class Effort:
    """How much is measured."""

    rounds: int = 30
    steps: int = 300
    seeds: int = 3
    limit_seconds: float = math.inf
    """After so long, no further training of a workload is begun; another sitting goes on from there."""


@dataclass(kw_only=True)
class Truth:
    """What was measured of one workload. Candidates go by their text, losses by candidate and seed."""

    key: str = ""
    """Identity of the workload: of another one, nothing is known."""
    seconds: dict[str, float] = field(default_factory=dict)
    """Median time of a step."""
    losses: dict[str, dict[str, list[float]]] = field(default_factory=dict)
    slow: list[str] = field(default_factory=list)
    """What cannot win, and was measured no more than needed to say so."""
    failed: dict[str, str] = field(default_factory=dict)
    """What raised an error, and which."""
    wall_seconds: float = 0.0
    complete: bool = False

    def ruin(self, candidate: str) -> str | None:
        """Return why a candidate is ruined, "" if it is not, None where too little was measured to say."""
        if error := self.failed.get(candidate):
            return f"it raised {error}"
        runs = self.losses.get(candidate)
        if not runs:
            return None
        reference = self.reference
        if candidate == reference:
            return ""
        if reference is None or candidate == str(REFERENCE):
            return self._alone(candidate)
        reason = ruin(runs, self.losses[reference])
        return None if not reason and candidate in self.slow else reason

    @property
    def reference(self) -> str | None:
        """Return which precision tells the truth: fp32, else fp64, else none."""
        sound = (each for each in (str(REFERENCE), str(DOUBLE)) if each in self.losses and not self._alone(each))
        return next(sound, None)

    def _alone(self, candidate: str) -> str:
        """Return why fp32 or fp64 is ruined whatever others do, or fp32 because fp64 learns where it does not."""
        runs = self.losses[candidate]
        reason = not_finite(runs) or ("its loss rose" if rose(runs) else "")
        double = self.losses.get(str(DOUBLE))
        if reason or candidate == str(DOUBLE) or not double or not_finite(double) or rose(double):
            return reason
        return ruin(runs, double)


def ruin(runs: Mapping[str, Sequence[float]], truth: Mapping[str, Sequence[float]]) -> str:
    """Return why training went wrong beside the truth, "" if it did not; both are losses by seed.

    Only seeds that both were trained from are compared, each with itself: what learns more slowly from one seed than
    from another is not ruined by its precision. Of a single one, nothing tells how much is chance but how far apart
    the seeds of the truth are.
    """
    if bad := not_finite(runs):
        return bad
    steps = min(len(each) for each in (*runs.values(), *truth.values()))
    apart = _range(tail(each[:steps]) for each in truth.values())
    seeds = sorted(runs.keys() & truth.keys())
    runs, truth = ({seed: group[seed] for seed in seeds} for group in (runs, truth))
    ours, true = ([tail(each[:steps]) for each in group.values()] for group in (runs, truth))
    base, gaps = statistics.fmean(true), [one - other for one, other in zip(ours, true, strict=True)]
    made, possible = (
        statistics.fmean(each[0] for each in group.values()) - statistics.fmean(tails)
        for group, tails in ((runs, ours), (truth, true))
    )
    gap, allowed = statistics.fmean(gaps), max(LEAST_GAP * abs(base), _range(gaps) if len(gaps) > 1 else apart)
    highest, bearable = max(ours) - max(true), max(apart, LEAST_PROGRESS * abs(max(true)))
    if gap <= allowed and highest > bearable:
        gap, allowed = highest, bearable
    if gap > allowed:
        share = f"; it lacks {gap / possible:.1%} of the progress" if possible > 0 else ""
        return f"its loss ends at {base + gap:.3g} instead of {base:.3g}, {allowed:.2g} more is allowed{share}"
    return f"it made {made / possible:.0%} of the progress" if made < LEAST_PROGRESS * possible else ""


def _range(values: Iterable[float]) -> float:
    values = list(values)
    return max(values) - min(values)


def tail(losses: Sequence[float]) -> float:
    """Return the mean of the last quarter."""
    return statistics.fmean(losses[-max(1, len(losses) // 4) :])


def not_finite(runs: Mapping[str, Sequence[float]]) -> str:
    """Return from which step on a loss is not finite, "" if all are."""
    bad = [step for losses in runs.values() for step, loss in enumerate(losses, 1) if not math.isfinite(loss)]
    return f"its loss is not finite from step {min(bad)} on" if bad else ""


def rose(runs: Mapping[str, Sequence[float]]) -> bool:
    """Return whether training made things worse from some seed."""
    return any(tail(losses) > losses[0] for losses in runs.values())


class Training:
    """One candidate on one workload: a model, its optimizer and batches, set up from a seed."""

    def __init__(self, entry: Entry, candidate: Candidate, seed: int) -> None:
        task = resolve(FactorySource(entry.reference).load(seed=seed), mode="train", seed=seed)
        assert task.loss_of is not None, "the zoo is trained"
        self._loss_of, self._batches, self._index = task.loss_of, task.batches, 0
        self._matmul = candidate.matmul_precision
        self._model, self._optimizer, self._backward = _set_up(candidate, task.model, task.make_optimizer)
        torch.manual_seed(seed)
        self._random = torch.get_rng_state()

    def steps(self, count: int) -> list[float]:
        """Run steps and return their losses."""
        with _matmul(self._matmul), self._own_randomness():
            return [float(loss) for loss in [self._step() for _ in range(count)]]

    def _step(self) -> torch.Tensor:
        loss = self._loss_of(self._model, self._batches[self._index % len(self._batches)])
        self._backward(loss)
        self._optimizer.step()
        self._optimizer.zero_grad()
        self._index += 1
        return loss.detach()

    @contextmanager
    def _own_randomness(self) -> Iterator[None]:
        """Draw what a training alone in its process would draw."""
        torch.set_rng_state(self._random)
        yield
        self._random = torch.get_rng_state()


def _set_up(candidate: Candidate, model: Any, make_optimizer: Callable[[Any], Any]) -> tuple[Any, Any, Any]:
    if candidate not in CORE:
        engine = Engine(candidate.precision, accelerator="cpu", keep_fp32=candidate.keep_fp32)
        return *engine.setup(model, make_optimizer), engine.backward
    fabric = _fabric(candidate.precision)
    module = fabric.setup_module(model)
    return module, fabric.setup_optimizers(make_optimizer(model)), fabric.backward


def _fabric(precision: Any) -> Fabric:
    if precision != "16-mixed":
        return Fabric(accelerator="cpu", devices=1, precision=precision)
    plugin = MixedPrecision("16-mixed", "cpu", scaler=torch.amp.GradScaler("cpu"))
    return Fabric(accelerator="cpu", devices=1, plugins=plugin)


@contextmanager
def _matmul(precision: str) -> Iterator[None]:
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision(precision)
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)


def measure(entry: Entry, truth: Truth, effort: Effort, save: Callable[[], None]) -> None:
    """Measure what is missing of a workload's truth; `save` is called whenever there is more."""
    started = time.monotonic()
    if not truth.seconds:
        step_times(entry, CORE, effort.rounds, truth)
        save()
    for seed, candidate in ((seed, each) for seed in range(effort.seeds) for each in CORE):
        if time.monotonic() - started > effort.limit_seconds:
            return
        _train(entry, candidate, seed, truth, effort)
        save()
    truth.complete = True
    save()


def measure_further(entry: Entry, candidate: Candidate, truth: Truth, effort: Effort) -> None:
    """Measure a candidate that is not of the core, such as one that keeps modules in fp32, beside fp32."""
    if str(candidate) not in truth.seconds:
        pair = Truth()
        step_times(entry, (REFERENCE, candidate), effort.rounds, pair)
        ratio = pair.seconds.get(str(candidate), math.inf) / pair.seconds[str(REFERENCE)]
        truth.seconds[str(candidate)] = ratio * truth.seconds[str(REFERENCE)]
        truth.failed.update(pair.failed)
    for seed in range(effort.seeds):
        _train(entry, candidate, seed, truth, effort)


def _train(entry: Entry, candidate: Candidate, seed: int, truth: Truth, effort: Effort) -> None:
    name = str(candidate)
    # Fp32 is what others are compared with, however slow it is.
    runs, is_slow = truth.losses.setdefault(name, {}), name in truth.slow and candidate != REFERENCE
    if str(seed) in runs or name in truth.failed or (is_slow and seed > 0):
        return
    steps = effort.steps // _SLOW_SHARE if is_slow else effort.steps
    with _noting(truth, name):
        runs[str(seed)] = [float(f"{loss:.{_DIGITS}g}") for loss in Training(entry, candidate, seed).steps(steps)]


def step_times(entry: Entry, candidates: Sequence[Candidate], rounds: int, truth: Truth) -> None:
    """Write the median step time of each candidate into `truth`, and which are too slow to be timed for long."""
    trainings, seconds = {}, truth.seconds
    for candidate in candidates:
        with _noting(truth, str(candidate)):
            training = Training(entry, candidate, seed=0)
            seconds[str(candidate)] = _warmed(training)
            trainings[str(candidate)] = training
    best = min(seconds.values())
    truth.slow = [name for name in trainings if seconds[name] > SLOW * best]
    fast = [name for name in trainings if name not in truth.slow]
    times: dict[str, list[float]] = {name: [] for name in fast}
    for turn in range(rounds):
        for place in range(len(fast)):
            name = fast[(turn + place) % len(fast)]
            count = max(1, min(_MOST_ROUND_STEPS, int(_ROUND_SECONDS / seconds[name])))
            with _noting(truth, name):
                times[name].append(_timed(trainings[name], count))
    seconds.update({name: statistics.median(each) for name, each in times.items() if each})


@contextmanager
def _noting(truth: Truth, candidate: str) -> Iterator[None]:
    """Add up the time that is spent inside, and keep the error of a candidate that raises one."""
    started = time.monotonic()
    try:
        yield
    except Exception as error:  # noqa: BLE001 (a precision may fail in any way, and that is what is true of it)
        truth.failed[candidate] = f"{type(error).__name__}: {error}".splitlines()[0]
    finally:
        truth.wall_seconds += time.monotonic() - started


def _warmed(training: Training) -> float:
    """Return the shortest of a few steps after the first, in seconds: more of them where they are short."""
    training.steps(1)
    seconds = [_timed(training, 1) for _ in range(_WARM_STEPS)]
    more = min(_MOST_ROUND_STEPS, int(_ROUND_SECONDS / min(seconds)))
    return min([*seconds, *(_timed(training, 1) for _ in range(more))])


def _timed(training: Training, count: int) -> float:
    started = time.perf_counter()
    training.steps(count)
    return (time.perf_counter() - started) / count


class TruthFile:
    """Truths kept in a file, so that measuring can go on in another sitting; without a path, in memory alone."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        known = json.loads(path.read_text(encoding="utf-8")) if path and path.exists() else {}
        here = {"torch": torch.__version__, "threads": torch.get_num_threads(), "core": list(EVERY)}
        if known and known["of"] != here:
            raise SystemExit(f"{path} was measured with {known['of']}, and this is {here}. Give another file.")
        self._of = here
        self._truths = {name: Truth(**fields) for name, fields in known.get("truths", {}).items()}

    def of(self, entry: Entry) -> Truth:
        """Return what is known of a workload as it is now."""
        key = resolve(FactorySource(entry.reference).load(), mode="train").key
        if self._truths.get(entry.name, Truth()).key != key:
            self._truths[entry.name] = Truth(key=key)
        return self._truths[entry.name]

    def save(self) -> None:
        """Write everything to the file, at once or not at all."""
        if self._path:
            text = json.dumps({"of": self._of, "truths": {name: asdict(each) for name, each in self._truths.items()}})
            beside = self._path.with_suffix(".part")
            beside.write_text(text, encoding="utf-8")
            os.replace(beside, self._path)  # noqa: PTH105 (replaces atomically, as Path.replace does)


warnings.filterwarnings("ignore", module="lightning_fabric")
logging.getLogger("lightning_fabric").setLevel(logging.WARNING)
