"""A convolutional network that learns scikit-learn's handwritten digits."""

import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from autoprec_runner.workload import Workload


def network() -> nn.Sequential:
    """Return a network from images float32[B, 1, 8, 8] to the logits of ten classes."""
    return nn.Sequential(
        nn.Conv2d(1, 64, 3, padding=1, bias=False),
        nn.BatchNorm2d(64),
        nn.ReLU(),
        nn.Conv2d(64, 128, 3, padding=1, bias=False),
        nn.BatchNorm2d(128),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(128 * 4 * 4, 128),
        nn.ReLU(),
        nn.Linear(128, 10),
    )


def digits() -> TensorDataset:
    """Return the 1,797 images, grey values in 0 to 1, with their classes."""
    images, classes = load_digits(return_X_y=True)
    return TensorDataset(torch.tensor(images / 16, dtype=torch.float32).view(-1, 1, 8, 8), torch.tensor(classes))


def workload() -> Workload:
    """Return the training of the network with Adam on batches of 128."""
    shuffled = DataLoader(digits(), batch_size=128, shuffle=True, generator=torch.Generator().manual_seed(0))
    return Workload(
        model=network(),
        batch=shuffled,
        loss=nn.CrossEntropyLoss(),
        optimizer=lambda parameters: torch.optim.Adam(parameters, lr=1e-3),
        name="digits CNN",
    )
