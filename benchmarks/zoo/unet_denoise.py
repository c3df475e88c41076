"""A U-Net that takes noise off digits."""

import torch
from torch import Tensor, nn

from autoprec_runner.workload import Workload
from data_sets import digits, in_batches

WIDTH = 16


def convolutions(inputs: int, outputs: int) -> nn.Sequential:
    """Return a convolution with group norm."""
    return nn.Sequential(nn.Conv2d(inputs, outputs, 3, padding=1), nn.GroupNorm(4, outputs), nn.SiLU())


class UNet(nn.Module):
    """Down to 2 by 2 pixels and up again, with what was seen on the way down."""

    def __init__(self) -> None:
        super().__init__()
        self.enter, self.down = convolutions(1, WIDTH), convolutions(WIDTH, 2 * WIDTH)
        self.bottom = convolutions(2 * WIDTH, 2 * WIDTH)
        self.up, self.leave = convolutions(4 * WIDTH, WIDTH), convolutions(2 * WIDTH, WIDTH)
        self.head = nn.Conv2d(WIDTH, 1, 1)
        self.halve, self.widen = nn.MaxPool2d(2), nn.Upsample(scale_factor=2)

    def forward(self, images: Tensor) -> Tensor:
        """Return float[B, 1, 8, 8] for float[B, 1, 8, 8]."""
        fine = self.enter(images)
        coarse = self.down(self.halve(fine))
        coarsest = self.bottom(self.halve(coarse))
        coarse = self.up(torch.cat([coarse, self.widen(coarsest)], 1))
        image: Tensor = self.head(self.leave(torch.cat([fine, self.widen(coarse)], 1)))
        return image


def workload() -> Workload:
    """Return the training with Adam on batches of 32 noisy digits and their clean ones."""
    clean, _ = digits()
    noisy = clean + 0.3 * torch.randn(clean.shape, generator=torch.Generator().manual_seed(0))
    return Workload(
        model=UNet(),
        batch=in_batches(noisy, clean, size=32),
        loss=nn.MSELoss(),
        optimizer=lambda parameters: torch.optim.Adam(parameters, lr=2e-3),
        name="U-Net",
    )
