"""The child's side of a trial: sets the workload up once, then runs steps as it is asked to."""

import json
import math
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

import torch

from autoprec_probe.candidate import Candidate
from autoprec_runner.doctor.gather import gather_traits
from autoprec_runner.engine import Engine
from autoprec_runner.isolation.limits import limit_memory
from autoprec_runner.precision.conversion import move_to_device
from autoprec_runner.precision.registry import requested_precision
from autoprec_runner.trials.compare import compare_outputs, holds_nan, output_tensors
from autoprec_runner.trials.described import described
from autoprec_runner.trials.examine import Examiner, own_part
from autoprec_runner.trials.failure import shortened
from autoprec_runner.trials.libraries import Imports
from autoprec_runner.trials.memory import MemoryMeter
from autoprec_runner.trials.moments import StepListener
from autoprec_runner.trials.observe import observed
from autoprec_runner.trials.seeding import perturb, seed_everything
from autoprec_runner.trials.split import Operations, Stopwatch, Weigher, start_seconds
from autoprec_runner.trials.surroundings import compile_here, enter_surroundings
from autoprec_runner.trials.team import Team
from autoprec_runner.trials.trace import departures, traced
from autoprec_runner.workload import factory, pickled  # noqa: F401 (makes their sources known)
from autoprec_runner.workload.enlarge import enlarged
from autoprec_runner.workload.source import WorkloadSource
from autoprec_runner.workload.task import resolve
from autoprec_runner.workload.tried import Tried

if TYPE_CHECKING:
    from autoprec_runner.trial import EffectiveDtypes

_MOST_MEMORY_SAMPLES = 400
_NOBODY = StepListener()


def main(connection: int, arguments: dict[str, Any]) -> None:
    """Answer requests on `connection` until the parent closes it. Runs in the forked child."""
    parent = Connection(connection)
    team = Team.form(arguments["devices"], arguments["temporary"])
    worker = Worker(arguments, team)
    if team.rank > 0:
        parent.close()
        team.follow(partial(_answer, worker))
    team.watch()
    while True:
        try:
            request = json.loads(parent.recv_bytes())
        except EOFError:
            return
        parent.send_bytes(json.dumps(team.answer(request, partial(_answer, worker))).encode())


def _answer(worker: "Worker", request: dict[str, Any]) -> dict[str, Any]:
    arguments = dict(request)
    operation: Callable[..., dict[str, Any]] = getattr(worker, arguments.pop("op"))
    try:
        return operation(**arguments)
    except BaseException as error:  # noqa: BLE001 (user code may raise anything, SystemExit included)
        return {"error": described(error)}


class Worker:
    """One candidate on one workload: its model, optimizer and step."""

    def __init__(self, arguments: dict[str, Any], team: Team) -> None:
        self._arguments = arguments
        self._team = team
        self._candidate = Candidate.model_validate(arguments["candidate"])
        self._mode = arguments["mode"]
        self._index = 0
        self._examiner: StepListener = _NOBODY
        self._effective: EffectiveDtypes | None = None

    def prepare(self) -> dict[str, Any]:
        """Load the workload, resolve it, set its model up for the candidate; describe it."""
        arguments = self._arguments
        enter_surroundings(arguments)
        if self._candidate.compile:
            compile_here(arguments["temporary"])
        self._team.join(arguments["device"])
        self._engine = Engine(
            precision=requested_precision(self._candidate, device=arguments["device"]),
            strategy=self._candidate.strategy,
            accelerator=arguments["device"],
            matmul_precision=self._candidate.matmul_precision,
            compile=self._candidate.compile,
            keep_fp32=self._candidate.keep_fp32,
        )
        self._device = self._engine.device
        self._memory = MemoryMeter(self._device)
        if arguments["device"] == "cpu":
            limit_memory(arguments["memory_limit_bytes"])
        seed_everything(arguments["seed"])
        imports = Imports()
        workload = WorkloadSource.from_json(arguments["source"]).load(seed=arguments["seed"])
        tried = Tried.model_validate(arguments["tried"]) if arguments["tried"] else None
        self._task = task = resolve(workload, mode=self._mode, seed=arguments["seed"], tried=tried)
        self._mode = task.mode
        parameters = sum(parameter.numel() for parameter in task.model.parameters())
        frozen_base = _has_frozen_base(task.model)
        traits = gather_traits(task)
        self._set_up()
        self._memory.reset()
        world = self._team.size
        return {
            "mode": self._mode,
            "fingerprint": task.fingerprint,
            "workload_key": task.key if world == 1 else f"{task.key}-x{world}",
            "name": task.name,
            "description": task.description,
            "assumptions": list(task.assumptions),
            "batch_size": None if task.batch_size is None else task.batch_size * world,
            "tokens_per_batch": None if task.tokens_per_batch is None else task.tokens_per_batch * world,
            "parameters": parameters,
            "has_metric": task.metric_of is not None,
            "threads": torch.get_num_threads(),
            "torch": torch.__version__,
            "frozen_base": frozen_base,
            "fetch_seconds": task.fetch_seconds,
            "traits": traits.model_dump(),
            "tried": task.tried and task.tried.model_dump(),
            "batches": len(self._batches),
            "libraries": imports.libraries.model_dump(),
        }

    def run(self, max_steps: int, max_seconds: float, *, observe: bool) -> dict[str, Any]:
        """Run steps until one of the bounds is reached; time each, and watch the modules where asked."""
        return self._run(max_steps, max_seconds, self._examiner if observe else _NOBODY, observe=observe)

    def split(self, max_steps: int, max_seconds: float) -> dict[str, Any]:
        """Run steps whose parts are timed, and one whose operations are counted; weigh what they hold."""
        stopwatch, weigher = Stopwatch(self._engine.synchronize), Weigher(self._watched, self._optimizer)
        answer = self._run(max_steps, max_seconds, stopwatch, observe=False)
        counted, operations = self._counted(weigher)
        return {
            "runs": [answer, counted],
            "parts": {
                **stopwatch.summary(),
                "operations": operations,
                "start_seconds": start_seconds(self._device, training=self._optimizer is not None),
            },
            "memory": weigher.summary(),
        }

    def enlarge(self, factor: int, steps: int) -> dict[str, Any]:
        """Run steps on batches of so many times the samples; the first one, which is not timed, warms up."""
        task = self._task
        assert task.batch_size is not None, "only asked for where batches have a size"
        self._batches = []  # both at once might not fit
        self._memory.reset()
        self._batches = [
            move_to_device(enlarged(batch, factor, rows=task.batch_size), self._device) for batch in task.batches
        ]
        answer = self._run(1 + steps, math.inf, _NOBODY, observe=False)
        return {"step_seconds": median(answer["seconds"][1:]), "peak_memory_bytes": answer["peak_memory_bytes"]}

    def _counted(self, listener: StepListener) -> tuple[dict[str, Any], int | None]:
        """Run one step under the eye of a counter, which not every model bears: then one without."""
        state = torch.get_rng_state()
        if self._engine.strategy == "single" and not self._candidate.compile:
            try:
                with Operations() as operations:
                    return self._run(1, 0.0, listener, observe=False), operations.count
            except Exception:  # noqa: BLE001 (user code may raise anything; without the counter it decides)
                torch.set_rng_state(state)
                if self._optimizer is not None:
                    self._optimizer.zero_grad()
        return self._run(1, 0.0, listener, observe=False), None

    def _run(self, max_steps: int, max_seconds: float, listener: StepListener, *, observe: bool) -> dict[str, Any]:
        seconds: list[float] = []
        losses: list[torch.Tensor] = []
        memory: list[int] = []
        plugin, skipped = self._engine.precision_plugin, 0
        compiled = self._engine.compilations
        started = time.perf_counter()
        scales: list[float] = []
        random_state = torch.get_rng_state()
        with observed(self._watched, inside=not self._candidate.compile) if observe else nullcontext() as activations:
            while len(seconds) < max_steps and self._team.agree(
                going_on=not seconds or time.perf_counter() - started < max_seconds,
            ):
                begin = time.perf_counter()
                computed = self._step(self._index, listener)
                self._engine.synchronize()  # while what was computed is still wanted: XLA computes nothing else
                seconds.append(time.perf_counter() - begin)
                if len(memory) < _MOST_MEMORY_SAMPLES:
                    memory.append(self._memory.now_bytes)
                losses += computed if self._mode == "train" else ()
                skipped += plugin.scales_loss and plugin.last_step_skipped
                if plugin.scales_loss and "scale" in (state := plugin.state_dict()):
                    scales.append(float(state["scale"]))
                self._index += 1
        peak_bytes = self._memory.peak_bytes
        compiled = self._engine.compilations - compiled
        if observe or compiled:
            self._memory.reset()
        return {
            "seconds": seconds,
            "compilations": compiled,
            "losses": [float(loss) for loss in losses],
            "skipped_steps": skipped,
            "peak_memory_bytes": peak_bytes,
            "nonfinite_parameters": self._nonfinite_parameters() if observe and self._mode == "train" else [],
            "underflowing_eps": self._underflowing_eps(),
            "activations": activations.summary() if activations else None,
            "memory_bytes": memory,
            "examined": listener.summary() if isinstance(listener, Examiner) else {},
            "scales": scales,
            "is_random": not torch.equal(random_state, torch.get_rng_state()),
            "effective_dtypes": (
                self._effective or self._engine.effective_dtypes(self._model, self._optimizer)
            ).model_dump(),
        }

    def save_outputs(self, path: str) -> dict[str, Any]:
        """Write the outputs of every batch, for other candidates to be compared with."""
        outputs = [output_tensors(output) for output in self._outputs()]
        if self._team.rank == 0:
            torch.save(outputs, path)
        return {"numbers": not holds_nan(outputs)}

    def compare_outputs(self, path: str) -> dict[str, Any]:
        """Compare the outputs of every batch with those that the reference wrote."""
        reference = torch.load(path, weights_only=True)
        return compare_outputs(reference, [output_tensors(output) for output in self._outputs()])

    def trace(self, path: str, *, write: bool) -> dict[str, Any]:
        """Run one batch in evaluation state; write what every innermost module took and put out, or compare it."""
        self._model.eval()  # without dropout, whose numbers depend on the dtype
        with traced(self._watched) as trace, torch.no_grad():
            self._task.output_of(self._model, self._batches[0])
        if write:
            torch.save(trace, path)
            return {}
        return {"departures": departures(trace, torch.load(path, weights_only=True))}

    def metric(self) -> dict[str, Any]:
        """Take the user's metric of the model as it is now, in the candidate's precision and in evaluation state."""
        assert self._task.metric_of is not None, "only asked for where there is one"
        states = {module: module.training for module in self._model.modules()}
        self._model.eval()
        try:
            with torch.no_grad():
                batches = [move_to_device(batch, self._device) for batch in self._task.metric_batches]
                return {"value": self._task.metric_of(self._model, batches)}
        finally:
            for module, training in states.items():
                module.training = training

    def resume(self) -> dict[str, Any]:
        """Save model, optimizer and precision, take two steps, load them again and take the same steps.

        A workload that cannot be saved can be trained all the same, so that a failure is told and ends nothing.
        """
        path = Path(self._arguments["temporary"]) / "checkpoint.pt"
        state = {"model": self._model, "optimizer": self._optimizer}
        try:
            self._engine.save(path, state)
            losses = []
            for _ in range(2):
                self._reseed(self._arguments["seed"])
                losses.append([float(loss) for _ in range(2) for loss in self._step(self._index, _NOBODY)])
                self._engine.load(path, state)
        except Exception as error:  # noqa: BLE001 (user code may raise anything)
            return {"failure": shortened(f"{type(error).__name__}: {error}")}
        finally:
            path.unlink(missing_ok=True)
        return {"before": losses[0], "after": losses[1]}

    def _set_up(self) -> None:
        task, variation = self._task, self._arguments["variation"]
        if variation == "weights":
            perturb(task.model.parameters(), self._arguments["seed"])
        self._optimizer = None
        if self._mode == "train":
            self._model, self._optimizer = self._engine.setup(task.model, task.make_optimizer)
        else:
            self._model = self._engine.setup(task.model)
        for name in task.entry_points:
            if name != "forward":
                self._engine.mark_forward_method(self._model, name)
        # DeepSpeed puts a module of its own around the model.
        self._watched = self._model.module if self._engine.strategy == "deepspeed" else self._model
        self._batches = [move_to_device(batch, self._device) for batch in task.batches]
        if self._optimizer is not None and self._engine.strategy != "deepspeed":  # which keeps gradients for itself
            gradients = Path(self._arguments["temporary"]) / "reference-gradients.pt"
            self._examiner = Examiner(self._watched, gradients, is_reference=self._arguments["is_reference"])
        self._reseed(self._arguments["seed"] + (variation == "randomness"))

    def _reseed(self, seed: int) -> None:
        seed_everything(seed)
        self._engine.seed(seed)  # devices with a generator of their own

    def _step(self, index: int, listener: StepListener) -> Sequence[Any]:
        """Return the loss of a training step, or the output of an inference step."""
        # Each process takes batches of its own, as in data-parallel training.
        place = (index * self._team.size + self._team.rank) % len(self._batches)
        batch = self._batches[place]
        listener.begin()
        if listener.wants_data:
            move_to_device(self._task.batches[place], self._device)
        listener.after_data()
        if self._optimizer is None:
            with self._without_gradients():
                output = self._task.output_of(self._model, batch)
            listener.after_forward()
            return (output,)
        assert self._task.loss_of is not None, "a training task has a loss"
        loss = self._task.loss_of(self._model, batch)
        listener.after_forward()
        self._engine.backward(loss)
        listener.after_backward()
        self._optimizer.step()
        listener.after_step(skipped=self._engine.precision_plugin.last_step_skipped)
        if self._effective is None:
            # Once, in the first step, which is not timed: gradients are there only now.
            self._effective = self._engine.effective_dtypes(self._model, self._optimizer)
        self._optimizer.zero_grad()
        listener.end()
        return (loss.detach(),)

    def _outputs(self) -> list[Any]:
        outputs = []
        with self._without_gradients():
            for batch in self._batches:
                outputs.append(self._task.output_of(self._model, batch))
                self._engine.synchronize()
        return outputs

    def _without_gradients(self) -> AbstractContextManager[Any]:
        # What FSDP gathers, it keeps, and inference tensors cannot be kept; XLA's cannot be made at all.
        return torch.inference_mode() if self._engine.strategy == "single" else torch.no_grad()

    def _underflowing_eps(self) -> float | None:
        groups = self._optimizer.param_groups if self._optimizer else []
        for group in groups:
            eps = group.get("eps")
            dtypes = {each.dtype for each in group["params"] if each.is_floating_point()}
            if isinstance(eps, float) and eps > 0 and any(torch.tensor(eps, dtype=each) == 0 for each in dtypes):
                return eps
        return None

    def _nonfinite_parameters(self) -> list[str]:
        return [
            name
            for name, parameter in self._watched.named_parameters()
            if parameter.is_floating_point() and not bool(torch.isfinite(own_part(parameter)).all())
        ]


def _has_frozen_base(model: torch.nn.Module) -> bool:
    weights = {each.weight for each in model.modules() if isinstance(each, torch.nn.Linear)}
    frozen = sum(each.numel() for each in weights if not each.requires_grad)
    is_trained = any(each.requires_grad for each in model.parameters())
    return is_trained and 2 * frozen > sum(each.numel() for each in weights)
