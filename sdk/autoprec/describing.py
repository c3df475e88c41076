"""`describe()`: a model in figures, to be sent to a service that advises on it."""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, get_args

from autoprec.arguments import check_budget, check_choice, check_seed
from autoprec.given import source_of, workload_of
from autoprec.prediction import CORE
from autoprec_probe.candidate import Device
from autoprec_runner.costing.session import model_description
from autoprec_runner.description import ModelDescription
from autoprec_runner.isolation.forkserver import shared_forkserver
from autoprec_runner.trial import Mode

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    import torch

    from autoprec_runner.workload.workload import Workload


def describe(
    model: "torch.nn.Module | Workload | str",
    batch: Any = None,
    *,
    loss: "Callable[[Any, Any], torch.Tensor] | None" = None,
    optimizer: "Callable[[Iterable[torch.nn.Parameter]], torch.optim.Optimizer] | None" = None,
    mode: Mode | None = None,
    device: Device = "cpu",
    budget: float = 60.0,
    seed: int = 0,
) -> ModelDescription:
    """Return what may be told of a model to someone who advises on it: figures, and no code or weights.

    They are the number of parameters, layers by class, shapes of linear layers, the optimizer's settings, how large
    weights are, and what a step does in each precision, which is followed by shape alone and not computed. Names of
    classes and of a few layers are among them. It is made in a child process in about a second.

    Args:
        model: A module, a LightningModule, a Hugging Face model, a Workload, or "file.py:factory" / "pkg.mod:factory".
        batch: One batch, or an iterable of batches; inferred from the first layers where it can be.
        loss: Callable(output, batch) returning a scalar tensor; inferred where it can be.
        optimizer: Callable(params) returning an optimizer; AdamW with PyTorch's defaults otherwise.
        mode: "train" or "inference"; None for the workload's own, or "train".
        device: The kind of device that the advice is for; optimizers run in other ways on a CPU.
        budget: Seconds of wall time for all of it.
        seed: Seeds weights made by a factory, and inferred batches.

    Raises:
        StudyError: An argument is not as described.
        WorkloadError: Model, batch, loss or factory do not make a step.
    """
    check_choice("mode", "train" if mode is None else mode, get_args(Mode))
    check_choice("device", device, get_args(Device))
    check_budget(budget)
    check_seed(seed)
    workload = workload_of(model, mode, batch=batch, loss=loss, optimizer=optimizer)
    with TemporaryDirectory(prefix="autoprec-") as folder:
        return model_description(
            shared_forkserver(),
            source_of(workload, Path(folder)),
            CORE,
            device=device,
            mode=mode,
            seed=seed,
            budget_seconds=float(budget),
        )
