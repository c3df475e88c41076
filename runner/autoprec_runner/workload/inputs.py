"""Batches for a model that came without any, found from its first layers by trying."""

import warnings
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from autoprec_runner.errors import WorkloadError
from autoprec_runner.workload.call import Call
from autoprec_runner.workload.layers import first_layer_text, layers, positional_parameters, required_inputs
from autoprec_runner.workload.probing import is_out_of_memory, short, untouched
from autoprec_runner.workload.proposals import InputSpec, proposals

MAX_CANDIDATES = 64
"""How many sets of inputs are tried, each on a batch of two."""

INFERRED_BATCHES = 4
"""How many different batches are drawn once it is known what the model takes."""

_TRIED_SIZE = 2
_TOLD_FAILURES = 8
_TIME_NAMES = frozenset({"t", "time", "times", "timestep", "timesteps", "sigma", "noise_level"})
_WAY_OUT = "Pass batch=: one batch (a tensor, a tuple of the model's arguments, or a mapping) or a DataLoader."

Inputs = tuple[InputSpec, ...]


@dataclass(frozen=True, kw_only=True)
class Inferred:
    """What was found: batches of one tensor (one input) or a tuple (several), how to call the model, and the note."""

    batches: tuple[Any, ...]
    call: Call
    batch_size: int
    sentence: str


def infer_inputs(model: nn.Module, *, seed: int) -> Inferred:
    """Return seeded random batches that the model takes.

    Raises:
        WorkloadError: No candidate runs; the message says which were tried, how they failed and what to pass.
    """
    if any(is_lazy(each) for each in model.parameters()):
        raise WorkloadError(f"Inputs cannot be inferred: {type(model).__name__} has lazy parameters. {_WAY_OUT}")
    count = max(1, required_inputs(model))
    failures: list[str] = []
    for inputs in islice(_candidates(model, count), MAX_CANDIDATES):
        failure = _failure(model, inputs, seed)
        if failure is None:
            return _inferred(model, inputs, seed)
        failures.append(f"  {_text(inputs)}: {failure}")
    raise WorkloadError(_message(model, count, failures))


def _candidates(model: nn.Module, count: int) -> Iterator[Inputs]:
    """Yield sets of `count` inputs, likeliest and cheapest first."""
    entries = [proposals(layer, model) for _, layer in layers(model)]
    entries = [specs for specs in entries if specs][: max(3, count)]
    if count == 1:
        yield from dict.fromkeys((spec,) for specs in entries for spec in specs)
        return
    names = [each.name for each in positional_parameters(model)]
    with_time = [_timed(spec, names[:count]) for spec in entries[0]] if entries else []
    yield from (inputs for group in with_time for inputs in group)
    if len(entries) >= count:
        yield from zip(*entries[:count], strict=False)
    for specs in entries:
        yield from ((spec,) * count for spec in specs)


def _timed(spec: InputSpec, names: list[str]) -> list[Inputs]:
    """Return inputs for a forward that takes a time beside its data, such as a diffusion model's `(x, t)`."""
    if not _TIME_NAMES.intersection(names):
        return []
    steps = InputSpec(shape=(), batch_size=spec.batch_size, high=1000)
    times = (steps, replace(steps, high=None), replace(steps, shape=(1,), high=None))
    return [tuple(time if name in _TIME_NAMES else spec for name in names) for time in times]


def _failure(model: nn.Module, inputs: Inputs, seed: int) -> str | None:
    """Return why the model does not take these inputs, or None where it does."""
    batch = _draw(inputs, _generator(seed), model, _TRIED_SIZE)
    try:
        with warnings.catch_warnings(), untouched(model):
            warnings.simplefilter("ignore")
            model(*batch)
    except Exception as error:
        if is_out_of_memory(error):
            raise
        return short(error)
    return None


def _inferred(model: nn.Module, inputs: Inputs, seed: int) -> Inferred:
    generator = _generator(seed)
    size = min(spec.batch_size for spec in inputs)
    drawn = [_draw(inputs, generator, model, size) for _ in range(INFERRED_BATCHES)]
    single = len(inputs) == 1
    return Inferred(
        batches=tuple(batch[0] if single else batch for batch in drawn),
        call=Call(
            text="model(batch)" if single else "model(*batch)",
            arguments=lambda batch: ((batch,) if single else tuple(batch), {}),
        ),
        batch_size=size,
        sentence=f"Inputs inferred: random {_text(inputs, size)} from the first layer {first_layer_text(model)}.",
    )


def _draw(inputs: Inputs, generator: torch.Generator, model: nn.Module, size: int) -> tuple[Tensor, ...]:
    device = next((each.device for each in model.parameters()), torch.device("cpu"))
    return tuple(spec.draw(generator, size).to(device) for spec in inputs)


def _generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def _text(inputs: Inputs, size: int | None = None) -> str:
    return ", ".join(spec.text(size) for spec in inputs)


def _message(model: nn.Module, count: int, failures: list[str]) -> str:
    told = "\n".join(failures[:_TOLD_FAILURES])
    more = f"\n  and {len(failures) - _TOLD_FAILURES} more" if len(failures) > _TOLD_FAILURES else ""
    tried = f"Tried for its {count} input(s):\n{told}{more}" if failures else "No layer of it says what it takes."
    return (
        f"The inputs of {type(model).__name__} cannot be inferred from its first layer {first_layer_text(model)}. "
        f"{tried}\n{_WAY_OUT}"
    )
