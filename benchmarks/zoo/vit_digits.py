"""A vision transformer that reads digits in patches of 2 by 2 pixels."""

import torch
from torch import Tensor, nn

from autoprec_runner.workload import Workload
from data_sets import digits, in_batches

WIDTH, PATCHES = 96, 16


class VisionTransformer(nn.Module):
    """Patches with positions and a class token through an encoder; the token is classified."""

    def __init__(self) -> None:
        super().__init__()
        self.patch = nn.Conv2d(1, WIDTH, 2, stride=2)
        self.token = nn.Parameter(torch.zeros(1, 1, WIDTH))
        self.position = nn.Parameter(torch.randn(1, PATCHES + 1, WIDTH) * 0.02)
        layer = nn.TransformerEncoderLayer(WIDTH, 3, 2 * WIDTH, dropout=0.0, batch_first=True, norm_first=True)
        self.encoder = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.head = nn.Linear(WIDTH, 10)

    def forward(self, images: Tensor) -> Tensor:
        """Return logits float[B, 10] for images float[B, 1, 8, 8]."""
        patches = self.patch(images).flatten(2).transpose(1, 2)
        tokens = torch.cat([self.token.expand(len(images), -1, -1), patches], 1) + self.position
        logits: Tensor = self.head(self.encoder(tokens)[:, 0])
        return logits


def workload() -> Workload:
    """Return the training with AdamW on batches of 48."""
    return Workload(
        model=VisionTransformer(),
        batch=in_batches(*digits(), size=48),
        loss=nn.CrossEntropyLoss(),
        optimizer=lambda parameters: torch.optim.AdamW(parameters, lr=1e-3),
        name="ViT",
    )
