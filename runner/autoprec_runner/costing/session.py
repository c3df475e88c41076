"""The parent's side: what the step of a workload does, found out in a child process (free of torch)."""

import os
import shutil
import sys
import time
import uuid
from collections.abc import Mapping, Sequence
from typing import Any, Self

import psutil

from autoprec_probe.candidate import Device
from autoprec_runner.description import ModelDescription, without_layers
from autoprec_runner.doctor.traits import WorkloadTraits
from autoprec_runner.errors import WorkloadError
from autoprec_runner.isolation.child import ChildError, ChildProcess
from autoprec_runner.isolation.forkserver import ForkServer
from autoprec_runner.prediction.cost import StepCost, WorkloadCost
from autoprec_runner.trial import Mode

_WORKER = "autoprec_runner.costing.worker:main"
_MEMORY_SHARE = 0.9


def workload_cost(
    server: ForkServer,
    source: str,
    precisions: Sequence[str],
    *,
    device: Device,
    mode: Mode | None = None,
    seed: int = 0,
    budget_seconds: float = 60.0,
) -> WorkloadCost:
    """Return what a step of a workload does in each precision, on whatever machine.

    The model is loaded as its factory makes it, and run once where its call or its loss are to be inferred; the steps
    themselves are followed by shape alone, and nothing is allocated for them.

    Args:
        server: What forks the child.
        source: Where the workload comes from: `WorkloadSource.to_json()`.
        precisions: Canonical precision strings.
        device: The kind of device that the prediction is for; it decides how optimizers are run.
        mode: "train" or "inference"; None for the workload's own.
        seed: Seeds weights made by a factory and inferred batches.
        budget_seconds: For all of it; a precision whose turn did not come is unpredictable.

    Raises:
        WorkloadError: The user's model, batch, loss or factory does not make a step.
        ChildError: The child ended, or took too long, before the workload was loaded.
    """
    arguments = _arguments(server, source, device=device, mode=mode, seed=seed)
    with _Followed(server, arguments, time.monotonic() + budget_seconds) as followed:
        return followed.cost(precisions)


def model_description(
    server: ForkServer,
    source: str,
    precisions: Sequence[str],
    *,
    device: Device,
    mode: Mode | None = None,
    seed: int = 0,
    budget_seconds: float = 60.0,
) -> ModelDescription:
    """Return a workload in figures: its cost, its layers and its traits. Arguments and errors: `workload_cost`.

    Where the layers cannot be looked at, there are none in it and no traits; where no step can be followed, no cost.
    """
    arguments = _arguments(server, source, device=device, mode=mode, seed=seed)
    with _Followed(server, arguments, time.monotonic() + budget_seconds) as followed:
        cost = followed.cost(precisions)
        seen = followed.look()
    return ModelDescription(
        model_fingerprint=cost.model_fingerprint,
        workload_key=cost.workload_key,
        name=cost.name,
        mode=cost.mode,
        parameters=cost.parameters,
        layers=seen.get("layers", {}),
        cost=without_layers(cost) if cost.steps else None,
        traits=WorkloadTraits.model_validate(seen["traits"]) if "traits" in seen else None,
    )


def _arguments(server: ForkServer, source: str, *, device: Device, mode: Mode | None, seed: int) -> dict[str, Any]:
    return {
        "source": source,
        "mode": mode,
        "seed": seed,
        "sys_path": tuple(sys.path),
        "folder": os.getcwd(),  # noqa: PTH109 (a string that crosses to the child)
        "temporary": str(server.folder / uuid.uuid4().hex),
        "device": device,
    }


class _Followed:
    """The child, started again where following a precision has ended it."""

    def __init__(self, server: ForkServer, arguments: Mapping[str, Any], deadline: float) -> None:
        self._server, self._arguments, self._deadline = server, arguments, deadline
        self._child: ChildProcess | None = None

    def cost(self, precisions: Sequence[str]) -> WorkloadCost:
        described = self._ask({"op": "describe"})
        if "error" in described:
            raise WorkloadError(described["error"])
        steps, unpredictable = [], {}
        for each in precisions:
            answer = self._follow(each)
            if "error" in answer:
                unpredictable[each] = f"Its step cannot be followed without numbers: {answer['error']}"
            else:
                steps.append(StepCost.model_validate(answer))
        return WorkloadCost.model_validate(
            {**described, "steps": tuple(steps), "unpredictable": unpredictable},
        )

    def look(self) -> dict[str, Any]:
        try:
            return self._ask({"op": "look"})
        except ChildError as error:
            self._close()
            return {"error": str(error)}

    def _follow(self, precision: str) -> dict[str, Any]:
        if time.monotonic() >= self._deadline:
            return {"error": "the time ended before its turn."}
        try:
            return self._ask({"op": "follow", "precision": precision})
        except ChildError as error:
            self._close()
            return {"error": str(error)}

    def _ask(self, request: Mapping[str, Any]) -> dict[str, Any]:
        if self._child is None:
            limit = int(_MEMORY_SHARE * psutil.virtual_memory().available)
            self._child = ChildProcess(self._server, _WORKER, self._arguments, memory_limit_bytes=limit)
        return self._child.ask(request, timeout_seconds=max(0.1, self._deadline - time.monotonic()))

    def _close(self) -> None:
        if self._child is not None:
            self._child.close()
            self._child = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._close()
        shutil.rmtree(self._arguments["temporary"], ignore_errors=True)
