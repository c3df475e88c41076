"""How far the outputs of a candidate are from those of the fp32 reference."""

from collections.abc import Sequence
from typing import Any

import torch

from autoprec_runner.trials.observe import floating_tensors

_MIN_CLASSES = 2


def output_tensors(output: Any) -> list[torch.Tensor]:
    """Return every floating tensor of a model output in fp32 on the CPU, in a fixed order."""
    return [tensor.detach().to("cpu", torch.float32, copy=True) for tensor in floating_tensors(output)]


def compare_outputs(reference: Sequence[list[torch.Tensor]], candidate: Sequence[list[torch.Tensor]]) -> dict[str, Any]:
    """Return the relative L2 error over all batches, top-1 agreement where the output looks like scores, finiteness.

    The relative L2 error is ||candidate - reference|| / ||reference|| over all floating outputs of all batches, summed
    in fp64. Top-1 agreement compares the argmax over the last dimension of the first output.
    """
    error = norm = 0.0
    for ours, theirs in zip(candidate, reference, strict=True):
        for mine, true in zip(ours, theirs, strict=True):
            error += float((mine.double() - true.double()).square().sum())
            norm += float(true.double().square().sum())
    return {
        "relative_error": (error / norm) ** 0.5 if norm else error**0.5,
        "top1_agreement": _top1_agreement(reference, candidate),
        "batches": len(reference),
    }


def _top1_agreement(reference: Sequence[list[torch.Tensor]], candidate: Sequence[list[torch.Tensor]]) -> float | None:
    pairs = [(theirs[0], ours[0]) for theirs, ours in zip(reference, candidate, strict=True) if theirs]
    if not pairs or any(true.dim() < _MIN_CLASSES or true.shape[-1] < _MIN_CLASSES for true, _ in pairs):
        return None
    same = torch.cat([(true.argmax(-1) == mine.argmax(-1)).flatten() for true, mine in pairs])
    return float(same.double().mean())
