"""How far the outputs of a candidate are from those of the fp32 reference."""

import math
from collections.abc import Sequence
from typing import Any

import torch

from autoprec_runner.trials.observe import dense_tensors

_MIN_CLASSES = 2

Outputs = Sequence[list[torch.Tensor]]
"""For every batch, the floating tensors of the model's output."""


def output_tensors(output: Any) -> list[torch.Tensor]:
    """Return every floating tensor of a model output in fp32 on the CPU, in a fixed order."""
    return [tensor.detach().to("cpu", torch.float32, copy=True) for tensor in dense_tensors(output)]


def holds_nan(outputs: Outputs) -> bool:
    """Return whether something in the outputs is not a number. Infinities may be there on purpose, as masks."""
    return any(bool(tensor.isnan().any()) for batch in outputs for tensor in batch)


def compare_outputs(reference: Outputs, candidate: Outputs) -> dict[str, Any]:
    """Return the relative L2 error over all batches, top-1 agreement where the output looks like scores, and counts.

    The relative L2 error is ||candidate - reference|| / ||reference|| over all floating outputs of all batches, summed
    in fp64. Infinities of the reference, such as those of a mask, are left out where the candidate has the same; any
    other number that is not finite makes the error infinite. Top-1 agreement compares the argmax over the last
    dimension of the first output. `tensors` counts what was compared: where it is 0, the error says nothing.
    """
    pairs = [pair for ours, theirs in zip(candidate, reference, strict=True) for pair in zip(ours, theirs, strict=True)]
    error = sum(_squared_error(mine, true) for mine, true in pairs)
    norm = sum(float(_finite(true).square().sum()) for _, true in pairs)
    return {
        "relative_error": math.sqrt(error / norm) if norm else math.sqrt(error),
        "top1_agreement": _top1_agreement(reference, candidate),
        "batches": len(reference),
        "tensors": len(pairs),
    }


def _squared_error(mine: torch.Tensor, true: torch.Tensor) -> float:
    if mine.shape != true.shape:
        return math.inf
    finite = true.isfinite() & mine.isfinite()
    if not torch.equal(mine[~finite], true[~finite]):  # NaN equals nothing, not even NaN
        return math.inf
    return float((mine[finite].double() - true[finite].double()).square().sum())


def _finite(tensor: torch.Tensor) -> torch.Tensor:
    return tensor[tensor.isfinite()].double()


def _top1_agreement(reference: Outputs, candidate: Outputs) -> float | None:
    pairs = [(theirs[0], ours[0]) for theirs, ours in zip(reference, candidate, strict=True) if theirs]
    if not pairs or any(not _scores(true) or mine.shape != true.shape for true, mine in pairs):
        return None
    same = torch.cat([(true.argmax(-1) == mine.argmax(-1)).flatten() for true, mine in pairs])
    return float(same.double().mean())


def _scores(tensor: torch.Tensor) -> bool:
    return tensor.dim() >= _MIN_CLASSES and tensor.shape[-1] >= _MIN_CLASSES
