"""What one training step does to gradients and weights: whether they follow fp32's, and which updates are lost."""

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from autoprec_runner.trials.moments import StepListener

MOST_SAMPLED = 2**20
"""Numbers of a model that are looked at, spread evenly over every parameter."""


class Examiner(StepListener):
    """Looks at the gradients of the first step and at the updates of every watched one.

    Gradients are compared with those that the fp32 reference had in its first step, on equal weights and the same
    batch. They are compared as directions, so that a loss scale does not matter. An update is lost where a weight has a
    gradient and is the same after the step; each weight counts by the size of its gradient.

    Args:
        model: The model that is trained.
        gradients: The file in which the reference's gradients are kept.
        is_reference: Whether this is the reference, which writes them.
    """

    def __init__(self, model: nn.Module, gradients: Path, *, is_reference: bool) -> None:
        self._parameters = {name: each for name, each in model.named_parameters() if each.is_floating_point()}
        total = sum(each.numel() for each in self._parameters.values())
        self._stride = max(1, -(-total // MOST_SAMPLED))
        self._gradients = gradients
        self._is_reference = is_reference
        self._compared = False
        self._before: dict[str, tuple[Tensor, Tensor]] = {}
        self._found: dict[str, float] = {}
        self._lost_shares: list[float] = []

    def after_backward(self) -> None:
        """Take the gradients and, where there is one, the weight that each is going to change."""
        sampled = {name: self._sample(gradient) for name, gradient in self._dense_gradients()}
        if not self._compared:
            self._compared = True
            self._compare(sampled)
        self._before = {
            name: (self._sample(self._parameters[name]).clone(), gradient.double().abs())
            for name, gradient in sampled.items()
        }

    def after_step(self, *, skipped: bool) -> None:
        """See which weights are the same as before; a skipped step says nothing."""
        before, self._before = self._before, {}
        if skipped:
            return
        whole = sum(float(sizes.sum()) for _, sizes in before.values())
        lost = sum(
            float(sizes[self._sample(self._parameters[name]) == weights].sum())
            for name, (weights, sizes) in before.items()
        )
        if 0 < whole < math.inf:
            self._lost_shares.append(lost / whole)

    def summary(self) -> dict[str, Any]:
        """Return what crosses to the parent, and start anew."""
        found, self._found = {**self._found, "lost_updates": self._lost_shares}, {}
        self._lost_shares = []
        return found

    def _compare(self, ours: dict[str, Tensor]) -> None:
        if self._is_reference:
            torch.save({name: each.cpu() for name, each in ours.items()}, self._gradients)
        elif self._gradients.exists():
            reference: dict[str, Tensor] = torch.load(self._gradients, weights_only=True)
            shared = [name for name in ours if name in reference and reference[name].shape == ours[name].shape]
            if shared:
                self._found = _compared([ours[each] for each in shared], [reference[each] for each in shared])

    def _dense_gradients(self) -> Iterator[tuple[str, Tensor]]:
        for name, parameter in self._parameters.items():
            if parameter.grad is not None and parameter.grad.layout is torch.strided:
                yield name, parameter.grad

    def _sample(self, tensor: Tensor) -> Tensor:
        return own_part(tensor.detach()).reshape(-1)[:: self._stride]


def own_part(tensor: Tensor) -> Tensor:
    """Return what this process holds of a tensor that several share."""
    to_local = getattr(tensor, "to_local", None)
    local: Tensor = tensor if to_local is None else to_local()
    return local


def _compared(ours: list[Tensor], reference: list[Tensor]) -> dict[str, float]:
    """Return the cosine of both, and the share of what fp32 has and we have not: gradients that underflowed.

    Numbers that are not finite have no direction; a step with such gradients is not compared.
    """
    mine = torch.cat([each.cpu().double() for each in ours])
    true = torch.cat([each.double() for each in reference])
    norms = mine.norm() * true.norm()
    if not bool(torch.isfinite(norms)) or norms == 0:
        return {}
    present = true != 0
    return {
        "gradient_cosine": float(mine.dot(true) / norms),
        "gradient_underflow": float(((mine == 0) & present).sum() / present.sum()),
    }
