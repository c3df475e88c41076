"""How a model is called with a batch."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from torch import nn

from autoprec_runner.errors import WorkloadError
from autoprec_runner.workload.layers import first_layer_text, positional_parameters, required_inputs
from autoprec_runner.workload.probing import is_out_of_memory, short, untouched
from autoprec_runner.workload.tensors import describe

TARGET_NAMES = ("labels", "label", "targets", "target", "y")


@dataclass(frozen=True, kw_only=True)
class Call:
    """One way to call a model with a batch, and what of the batch is left over for the loss."""

    text: str
    """The call as code, such as `model(batch[0])`."""
    arguments: Callable[[Any], tuple[tuple[Any, ...], dict[str, Any]]]
    targets: Callable[[Any], tuple[Any, ...]] = lambda _: ()

    def __call__(self, model: nn.Module, batch: Any) -> Any:
        """Return the model's output."""
        positional, named = self.arguments(batch)
        return model(*positional, **named)


def find_call(model: nn.Module, batch: Any) -> tuple[Call, Any]:
    """Try the calls that make sense, likeliest first, and return the first that runs, with its output.

    Raises:
        WorkloadError: None runs; the message shows the batch, the model's first layer and the model's own error.
    """
    failures: list[tuple[Call, Exception]] = []
    for call in calls(model, batch):
        try:
            with untouched(model):
                return call, call(model, batch)
        except Exception as error:
            if is_out_of_memory(error):
                raise
            failures.append((call, error))
    raise WorkloadError(_misfit(model, batch, failures)) from failures[0][1]


def calls(model: nn.Module, batch: Any) -> Iterator[Call]:
    """Yield the ways to call `model` with `batch`, likeliest first."""
    if isinstance(batch, Mapping):
        yield from _mapping_calls(batch)
    elif isinstance(batch, tuple | list):
        yield from _sequence_calls(model, batch)
    yield Call(text="model(batch)", arguments=lambda batch: ((batch,), {}))
    if isinstance(batch, tuple | list):
        yield _leading(1, len(batch))


def _mapping_calls(batch: Mapping[Any, Any]) -> Iterator[Call]:
    yield Call(text="model(**batch)", arguments=lambda batch: ((), dict(batch)))
    target = next((name for name in TARGET_NAMES if name in batch), None)
    if target is None:
        return
    rest = [key for key in batch if key != target]
    yield Call(
        text=f"model(**batch) without {target!r}",
        arguments=lambda batch: ((), {key: batch[key] for key in rest}),
        targets=lambda batch: (batch[target],),
    )
    yield Call(
        text=f"model({', '.join(f'batch[{key!r}]' for key in rest)})",
        arguments=lambda batch: (tuple(batch[key] for key in rest), {}),
        targets=lambda batch: (batch[target],),
    )


def _sequence_calls(model: nn.Module, batch: tuple[Any, ...] | list[Any]) -> Iterator[Call]:
    """Prefer all of it where forward asks for targets by name or for anything, else as much as it requires."""
    names = [each.name for each in positional_parameters(model)][: len(batch)]
    if names and not any(name in TARGET_NAMES for name in names) and required_inputs(model) <= len(batch):
        yield _leading(max(1, required_inputs(model)), len(batch))
    yield _leading(len(batch), len(batch))


def _leading(count: int, length: int) -> Call:
    """Return the call with the first `count` of `length` elements, the others being targets."""
    if count == length:
        return Call(text="model(*batch)", arguments=lambda batch: (tuple(batch), {}))
    return Call(
        text="model(batch[0])" if count == 1 else f"model(*batch[:{count}])",
        arguments=lambda batch: (tuple(batch[:count]), {}),
        targets=lambda batch: tuple(batch[count:]),
    )


def _misfit(model: nn.Module, batch: Any, failures: list[tuple[Call, Exception]]) -> str:
    tried = "\n".join(f"  {call.text}: {short(error)}" for call, error in failures)
    return (
        f"The batch does not fit the model {type(model).__name__}.\n  batch: {describe(batch)}\n"
        f"  first layer: {first_layer_text(model)}\nTried:\n{tried}\n"
        "Pass as batch= what the model takes: a tensor, a tuple of its arguments (targets last), or a mapping of names."
    )
