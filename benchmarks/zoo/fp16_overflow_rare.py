"""One batch of twelve holds a digit that was not scaled, and overflows float16 in one layer: eleven steps go well."""

import torch
from torch import Tensor, nn

from autoprec_runner.workload import Workload
from data_sets import digits, in_batches

WIDTH, BATCHES, UNSCALED = 128, 12, 3e4


def batches() -> list[tuple[Tensor, ...]]:
    """Return twelve batches, the last of which holds an image whose values are thirty thousand times as large."""
    found = in_batches(*digits(), size=64, count=BATCHES)
    images = found[-1][0].clone()
    images[0] *= UNSCALED
    return [*found[:-1], (images, found[-1][1])]


def workload() -> Workload:
    """Return the training with Adam on batches of 64; a norm takes the size away again."""
    first = nn.Linear(64, WIDTH, bias=False)
    with torch.no_grad():
        first.weight.mul_(8)
    model = nn.Sequential(
        nn.Flatten(),
        first,
        nn.Hardtanh(-1e9, 1e9),
        nn.Linear(WIDTH, WIDTH, bias=False),
        nn.LayerNorm(WIDTH),
        nn.ReLU(),
        nn.Linear(WIDTH, 10),
    )
    return Workload(
        model=model,
        batch=batches(),
        loss=nn.CrossEntropyLoss(),
        optimizer=lambda parameters: torch.optim.Adam(parameters, lr=1e-3, eps=1e-6),
        name="rare fp16 overflow",
    )
