"""Chance in a trial: the same numbers for all candidates, and the noise that a yardstick starts from."""

import random
from collections.abc import Iterable

import numpy as np
import torch

PERTURBATION = 2.0**-9
"""Relative weight noise of a perturbed reference: the unit roundoff of bf16, as if the weights had once been bf16."""


def seed_everything(seed: int) -> None:
    """Seed every generator that a workload may use."""
    random.seed(seed)
    np.random.seed(seed % 2**32)  # noqa: NPY002 (workloads may use the legacy generator)
    torch.manual_seed(seed)


@torch.no_grad()
def perturb(parameters: Iterable[torch.nn.Parameter], seed: int) -> None:
    """Multiply weights in place by 1 plus noise."""
    generator = torch.Generator().manual_seed(seed + 1)
    for parameter in parameters:
        if parameter.is_floating_point():
            noise = torch.randn(parameter.shape, generator=generator, dtype=torch.float32)
            parameter.mul_((1 + PERTURBATION * noise).to(parameter.dtype))
