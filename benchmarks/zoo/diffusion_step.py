"""A diffusion model of digits: at each step it draws noise and times of its own and predicts the noise."""

import math

import torch
from torch import Tensor, nn
from torch.nn.functional import mse_loss

from autoprec_runner.workload import Workload
from data_sets import digits, in_batches

WIDTH = 256


class NoisePredictor(nn.Module):
    """Predicts what was added to an image, from the image and the time."""

    def __init__(self) -> None:
        super().__init__()
        self.time = nn.Sequential(nn.Linear(16, WIDTH), nn.SiLU())
        self.enter, self.middle, self.leave = nn.Linear(64, WIDTH), nn.Linear(WIDTH, WIDTH), nn.Linear(WIDTH, 64)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Return predicted and true noise, float[B, 64], for images float[B, 1, 8, 8]."""
        clean = 2 * images.flatten(1) - 1
        time, noise = torch.rand(len(clean), 1).to(clean), torch.randn(clean.shape).to(clean)
        angle = time * math.pi / 2
        noisy = angle.cos() * clean + angle.sin() * noise
        waves = time * torch.logspace(0, 3, 8, base=2.0).to(clean)
        told = self.time(torch.cat([waves.sin(), waves.cos()], 1))
        hidden = nn.functional.silu(self.enter(noisy) + told)
        return self.leave(nn.functional.silu(self.middle(hidden) + told)), noise


def workload() -> Workload:
    """Return the training with AdamW on batches of 96."""
    return Workload(
        model=NoisePredictor(),
        batch=in_batches(digits()[0], size=96),
        loss=lambda output, _: mse_loss(output[0].float(), output[1].float()),
        optimizer=lambda parameters: torch.optim.AdamW(parameters, lr=1e-3),
        name="diffusion step",
    )
