"""`suggest()`: from a model to a precision string with its proof."""

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Literal, get_args

from autoprec.arguments import (
    check_budget,
    check_choice,
    check_devices,
    check_predictable,
    check_seed,
    check_tolerance,
    chosen_candidates,
    chosen_device,
)
from autoprec.client.address import Address, chosen_address, named_url
from autoprec.given import source_of, workload_of
from autoprec.machine import this_machine
from autoprec.prediction import predicted
from autoprec.progress import choose_progress
from autoprec.recommendation import Recommendation
from autoprec.sizes import parse_bytes
from autoprec_probe import Candidate
from autoprec_probe.candidate import Device, Strategy
from autoprec_runner.search.conduct import Outcome, conduct
from autoprec_runner.search.progress import Progress
from autoprec_runner.search.question import Question
from autoprec_runner.strategy.registry import STRATEGIES
from autoprec_runner.study import Constraints
from autoprec_runner.trial import Mode, Objective
from autoprec_service.policy import preference, recommend
from autoprec_service.store import Store, open_store

if TYPE_CHECKING:
    import torch

    from autoprec_runner.workload.workload import Workload


def suggest(
    model: "torch.nn.Module | Workload | str",
    batch: Any = None,
    *,
    loss: "Callable[[Any, Any], torch.Tensor] | None" = None,
    optimizer: "Callable[[Iterable[torch.nn.Parameter]], torch.optim.Optimizer] | None" = None,
    mode: Mode | None = None,
    objective: Objective = "throughput",
    max_memory: str | int | None = None,
    tolerance: float | None = None,
    metric: "Callable[[torch.nn.Module, Any], float] | None" = None,
    candidates: Sequence[str | int | Candidate] | None = None,
    strategy: Strategy = "single",
    device: "str | torch.device" = "auto",
    devices: int = 1,
    compile: bool = False,  # noqa: A002 (the name that PyTorch gave it)
    batch_size: Literal["max"] | None = None,
    budget: float = 60.0,
    seed: int = 0,
    progress: bool = True,
    store: str | Path | Store | None = None,
    fresh: bool = False,
    hardware: str | None = None,
    url: str | None = None,
    token: str | None = None,
) -> Recommendation:
    """Recommend the precision to train or serve a model with on this machine, from trials of the model itself.

    With `hardware` nothing is tried: the answer for that machine is predicted, says so, and is trusted less.

    Args:
        model: A module, a LightningModule, a Hugging Face model, a Workload, or "file.py:factory" / "pkg.mod:factory".
        batch: One batch, or an iterable or DataLoader of batches; inferred from the first layers where it can be.
        loss: Callable(output, batch) returning a scalar tensor; inferred where it can be.
        optimizer: Callable(params) returning an optimizer; AdamW with PyTorch's defaults otherwise.
        mode: "train" or "inference"; None for the workload's own, or "train".
        objective: What the best candidate has the most or least of: "throughput", "memory", "energy", "balanced", or
            "time-to-loss", which asks how fast a training loss falls.
        max_memory: The most that the steps may take, such as "40GiB", or bytes.
        tolerance: Accepted relative loss gap to fp32 (train, default 0.05) or relative output error (inference, 0.02);
            with a metric, how far that may be from its value in fp32 (0.01).
        metric: Callable(model, batches) returning a float, an accuracy or error of your own by which candidates are
            judged; it gets the batches that the workload has.
        candidates: Precisions to try; everything that makes sense here otherwise. `32-true` is always tried.
        strategy: Who owns the step: "single", "fsdp", "deepspeed" or "xla".
        device: "auto", "cpu", "cuda", or another kind that this machine has.
        devices: Number of processes that share the step of a trial; more than 1 needs "fsdp" or "deepspeed".
        compile: Whether to try those who survive the first steps a second time, compiled by `torch.compile`. That takes
            tens of seconds each: give a larger budget.
        batch_size: "max" to find, for each contender, the largest batch within `max_memory`, or the memory there is,
            made of the given one by repeating its samples along the first axis.
        budget: Seconds of wall time for the whole study.
        seed: Seeds weights made by a factory, inferred batches and dropout.
        progress: Whether to show progress, where there is a terminal or a notebook to show it.
        store: Where trials are kept: a path, an SQLAlchemy URL or an open store. Default: `AUTOPREC_DB`, else the
            user's data folder.
        fresh: Measure anew even if this question has been answered before.
        hardware: The hardware key of a machine that is not at hand, such as "nvidia-h100-80gb-hbm3" or
            "cpu-x86-amx_bf16-32c", to predict the answer for. `device`, `store`, `fresh` and `url` do not apply then.
        url: A service that is asked first, and told what is measured. Default: `AUTOPREC_URL`, else none. What it
            cannot take now is kept and delivered later; a service that does not answer costs two seconds and a warning.
        token: What the service is shown. Default: `AUTOPREC_TOKEN`.

    Returns:
        The recommendation. It is falsy if no candidate qualifies; its reasons say why.

    Raises:
        StudyError: An argument is not as described.
        WorkloadError: Model, batch, loss or factory do not make a step.
        UnknownPrecisionError: A candidate is not a precision.
        StoreError: The store cannot be used.
        AddressError: The URL or the token of a service cannot be used.
        CatalogError: No machine is known by the hardware key; the message names the nearest.
        PredictionError: Too little is known of how fast that machine is.
    """
    check_choice("objective", objective, get_args(Objective))
    check_choice("mode", "train" if mode is None else mode, get_args(Mode))
    check_choice("strategy", strategy, STRATEGIES)
    check_choice("batch_size", "max" if batch_size is None else batch_size, ["max"])
    check_devices(devices, strategy)
    check_budget(budget)
    check_tolerance(tolerance)
    check_seed(seed)
    tried = chosen_candidates(candidates, strategy)
    max_bytes = None if max_memory is None else parse_bytes(max_memory)
    workload = workload_of(model, mode, batch=batch, loss=loss, optimizer=optimizer, metric=metric)
    constraints = Constraints(max_memory_bytes=max_bytes, tolerance=tolerance)
    if hardware is not None:
        check_predictable(strategy, compile=compile, batch_size=batch_size)
        with TemporaryDirectory(prefix="autoprec-") as folder:
            return predicted(
                source_of(workload, Path(folder)),
                hardware,
                mode=mode,
                objective=objective,
                constraints=constraints,
                candidates=tried,
                seed=seed,
                budget_seconds=float(budget),
            )
    address = chosen_address(url, token) if named_url(url) else None
    profile = this_machine()
    chosen = chosen_device(device, profile)
    opened = store if isinstance(store, Store) else open_store(store)
    try:
        with TemporaryDirectory(prefix="autoprec-") as folder:
            question = Question(
                source=source_of(workload, Path(folder)),
                profile=profile,
                device=chosen,
                mode=mode,
                objective=objective,
                constraints=constraints,
                strategy=strategy,
                devices=devices,
                candidates=tried,
                compile=compile,
                batch_size=batch_size,
                budget_seconds=float(budget),
                seed=seed,
            )
            shown = choose_progress(wanted=progress)
            if address is None:
                outcome, service = conduct(question, opened, preference, progress=shown, fresh=fresh), None
            else:
                outcome, service = _conduct_linked(question, opened, address, progress=shown, fresh=fresh)
    finally:
        if opened is not store:
            opened.close()
    return recommendation(outcome, chosen, service=service)


def _conduct_linked(
    question: Question, store: Store, address: Address, *, progress: Progress, fresh: bool
) -> tuple[Outcome, str | None]:
    """Conduct a study whose question goes to a service first, and whose trials are told it; and say if it had them."""
    from autoprec.remote.link import linked  # noqa: PLC0415 (HTTP is loaded where a service is named)
    from autoprec.remote.model import description_of  # noqa: PLC0415

    with linked(address, store) as link:
        outcome = conduct(question, link.ledger, preference, progress=progress, fresh=fresh, elsewhere=link.ask)
        link.report_known(outcome)
        with suppress(KeyboardInterrupt):  # the answer is there; whoever is in a hurry gets it now
            if not outcome.interrupted:
                link.report_model(outcome, lambda: description_of(question))
        return outcome, address.url if link.answered else None


def recommendation(outcome: Outcome, device: Device, *, service: str | None = None) -> Recommendation:
    """Return the policy's answer to a study, with its evidence; `service` is the one that had it."""
    study = outcome.study
    answer = recommend(outcome.trials, objective=study.objective, constraints=study.constraints)
    return Recommendation(
        **dict(answer),  # as it is: a trial from the store may be of a precision that is not installed here
        study=study,
        trials=outcome.trials,
        assumptions=outcome.prepared.assumptions,
        interrupted=outcome.interrupted,
        remembered=outcome.remembered,
        service=service,
        device=device,
    )
