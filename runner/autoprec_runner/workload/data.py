"""The batches of a task, from whoever has them: the user, the model's family, or its first layers."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from autoprec_runner.trial import Mode
from autoprec_runner.workload.adapters import Adapter, Proposal
from autoprec_runner.workload.batches import collect_batches
from autoprec_runner.workload.call import Call
from autoprec_runner.workload.conversion import has_arrays, to_tensors
from autoprec_runner.workload.inputs import infer_inputs
from autoprec_runner.workload.tensors import map_leaves, tensors_of

_TOKENS_NDIM = 2


@dataclass(frozen=True, kw_only=True)
class Data:
    """Batches of tensors on the model's device; with the call, where the inputs were found by calling."""

    batches: tuple[Any, ...]
    batch_size: int | None
    call: Call | None = None
    sentences: tuple[str, ...] = ()
    fetch_seconds: float | None = None
    """What drawing one batch took; None where there was nothing to draw from."""

    @property
    def tokens_per_batch(self) -> int | None:
        """B·T where the first input is ids [B, T], else None."""
        first = next(tensors_of(self.batches[0]), None)
        is_text = first is not None and first.ndim == _TOKENS_NDIM and first.dtype in (torch.int32, torch.int64)
        return first.numel() if is_text and first is not None else None


def gather(model: nn.Module, batch: Any, *, adapter: Adapter, mode: Mode, given: torch.dtype, seed: int) -> Data:
    """Return the user's batches, else those of the model's family, else inferred ones.

    Args:
        model: The model, weights in float32.
        batch: What the user gave.
        adapter: The model's family.
        mode: Train or inference; some families have other batches for each.
        given: The dtype that the weights had.
        seed: For the order of a shuffling DataLoader and for random inputs.

    Raises:
        WorkloadError: The given batches are none, or nothing can be inferred.
    """
    sentences: tuple[str, ...] = ()
    if batch is None:
        proposal = adapter.batches(model, mode)
        if proposal is None:
            return _inferred(model, seed)
        batch, sentences = proposal.value, (proposal.sentence,)
    drawn = collect_batches(batch, seed=seed)
    items = drawn.items
    if any(has_arrays(each) for each in items):
        sentences += ("Arrays in the batches are turned into tensors, floating ones into float32.",)
    if len(items) > 1 and _rows(items[-1]) < _rows(items[0]):
        items = items[:-1]
        sentences += ("The last batch is smaller than the first and left out, so that steps compare.",)
    device = next((each.device for each in model.parameters()), torch.device("cpu"))
    batches = tuple(to_tensors(each, given=given, device=device) for each in items)
    return Data(
        batches=batches,
        batch_size=_rows(batches[0]) or None,
        sentences=sentences,
        fetch_seconds=drawn.fetch_seconds,
    )


def completed(data: Data, model: nn.Module, *, adapter: Adapter, mode: Mode) -> Data:
    """Return the data with what the model's family adds to each batch, such as labels."""
    proposals = [adapter.complete(model, each, mode) for each in data.batches]
    batches = tuple(new.value if new else old for new, old in zip(proposals, data.batches, strict=True))
    return Data(
        batches=batches,
        batch_size=data.batch_size,
        call=data.call,
        sentences=data.sentences + _sentences(proposals),
        fetch_seconds=data.fetch_seconds,
    )


def _sentences(proposals: list[Proposal | None]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(each.sentence for each in proposals if each is not None))


def _inferred(model: nn.Module, seed: int) -> Data:
    found = infer_inputs(model, seed=seed)
    return Data(batches=found.batches, batch_size=found.batch_size, call=found.call, sentences=(found.sentence,))


def _rows(batch: Any) -> int:
    """Return the length of the first axis of the first tensor or array that has one; 0 for none."""
    shapes: list[tuple[int, ...]] = []
    map_leaves(batch, lambda leaf: shapes.append(tuple(getattr(leaf, "shape", ()))))
    return next((shape[0] for shape in shapes if shape), 0)
