"""A loss for models that suggest none: regression to what the model itself puts out with slightly other weights."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from torch import Tensor, nn
from torch.nn.modules.dropout import _DropoutNd

from autoprec_runner.errors import WorkloadError
from autoprec_runner.workload.call import Call
from autoprec_runner.workload.probing import perturbed, untouched
from autoprec_runner.workload.tensors import describe, floating_tensors

RELATIVE_NOISE = 0.1
"""Size of the perturbation over the root mean square of each parameter, so that the loss starts above zero."""

SENTENCE = (
    "Loss inferred: squared distance, relative to their size, from the outputs of a float32 copy whose weights are "
    "perturbed by 10 %, as neither the model's output nor the batch suggests a loss. Pass loss= for your own."
)


def regression_targets(model: nn.Module, call: Call, batch: Any, *, seed: int) -> tuple[Tensor, ...]:
    """Return the floating tensors that the model puts out for a batch with perturbed weights and without dropout.

    Raises:
        WorkloadError: There is no floating tensor in the model's output.
    """
    with perturbed(model, relative=RELATIVE_NOISE, seed=seed), _without_dropout(model), untouched(model):
        output = call(model, batch)
    targets = tuple(each.detach().clone() for each in floating_tensors(output))
    if not targets:
        raise WorkloadError(f"No loss can be inferred from the model's output {describe(output)}. Pass loss=.")
    return targets


def regression_loss(output: Any, targets: tuple[Tensor, ...]) -> Tensor:
    """Return the mean squared error over the mean square of the targets, averaged over the output's tensors."""
    pairs = zip(floating_tensors(output), targets, strict=True)
    return sum((_relative_error(each, target) for each, target in pairs), start=targets[0].new_zeros(())) / len(targets)


def _relative_error(output: Tensor, target: Tensor) -> Tensor:
    size = target.square().mean()
    return (output - target).square().mean() / size.where(size > 0, size.new_ones(()))


@contextmanager
def _without_dropout(model: nn.Module) -> Iterator[None]:
    active = [each for each in model.modules() if isinstance(each, _DropoutNd) and each.training]
    try:
        for each in active:
            each.eval()
        yield
    finally:
        for each in active:
            each.train()
