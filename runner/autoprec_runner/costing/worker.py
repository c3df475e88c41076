"""The child's side: loads a workload once, then follows its step in one precision after the other."""

import json
from collections.abc import Iterator
from multiprocessing.connection import Connection
from typing import Any

import torch
from torch import Tensor
from torch.utils._pytree import tree_leaves

from autoprec_runner.costing.layers import layer_counts
from autoprec_runner.costing.skeleton import nbytes, tensors
from autoprec_runner.costing.step import step_cost
from autoprec_runner.doctor.gather import gather_traits
from autoprec_runner.errors import WorkloadError
from autoprec_runner.isolation.limits import limit_memory
from autoprec_runner.trials.failure import shortened
from autoprec_runner.trials.memory import MemoryMeter
from autoprec_runner.trials.surroundings import enter_surroundings
from autoprec_runner.workload import factory, pickled  # noqa: F401 (makes their sources known)
from autoprec_runner.workload.source import WorkloadSource
from autoprec_runner.workload.task import Task, resolve


def main(connection: int, arguments: dict[str, Any]) -> None:
    """Answer requests on `connection` until the parent closes it. Runs in the forked child."""
    parent = Connection(connection)
    worker = Worker(arguments)
    while True:
        try:
            request = json.loads(parent.recv_bytes())
        except EOFError:
            return
        parent.send_bytes(json.dumps(_answer(worker, request)).encode())


def _answer(worker: "Worker", request: dict[str, Any]) -> dict[str, Any]:
    try:
        if request["op"] == "describe":
            return worker.describe()
        if request["op"] == "look":
            return worker.look()
        return worker.follow(request["precision"])
    except WorkloadError as error:
        return {"error": str(error), "kind": "workload"}
    except BaseException as error:  # noqa: BLE001 (user code may raise anything, SystemExit included)
        first = (str(error).strip().splitlines() or [""])[0]
        return {"error": shortened(f"{type(error).__name__}: {first}"), "kind": "raised"}


class Worker:
    """One workload, loaded and resolved."""

    def __init__(self, arguments: dict[str, Any]) -> None:
        self._arguments = arguments
        self._task: Task | None = None

    def describe(self) -> dict[str, Any]:
        """Load the workload and return what does not depend on a precision."""
        arguments = self._arguments
        enter_surroundings(arguments)
        meter = MemoryMeter(torch.device("cpu"))
        limit_memory(arguments["memory_limit_bytes"])
        workload = WorkloadSource.from_json(arguments["source"]).load(seed=arguments["seed"])
        self._task = task = resolve(workload, mode=arguments["mode"], seed=arguments["seed"])
        meter.reset()
        batches = nbytes(_tensors(task.batches))
        return {
            "name": task.name,
            "description": task.description,
            "model_fingerprint": task.fingerprint,
            "workload_key": task.key,
            "mode": task.mode,
            "parameters": sum(each.numel() for each in task.model.parameters()),
            "batch_size": task.batch_size,
            "batches_bytes": batches,
            "one_batch_bytes": nbytes(_tensors(task.batches[0])),
            "host_bytes": max(0, meter.peak_bytes - batches - nbytes(tensors(task.model))),
            "assumptions": list(task.assumptions),
        }

    def look(self) -> dict[str, Any]:
        """Return what the model is like: its layers by class, and its traits."""
        task = self._resolved()
        return {"layers": layer_counts(task.model), "traits": gather_traits(task).model_dump(mode="json")}

    def follow(self, precision: str) -> dict[str, Any]:
        """Return what a step does in a precision."""
        return step_cost(self._resolved(), precision, device=self._arguments["device"]).model_dump(mode="json")

    def _resolved(self) -> Task:
        if self._task is None:
            self.describe()
        assert self._task is not None, "describe() has resolved it"
        return self._task


def _tensors(value: Any) -> Iterator[Tensor]:
    return (each for each in tree_leaves(value) if isinstance(each, Tensor))
