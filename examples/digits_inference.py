"""Reading handwritten digits with a network that has learned them: inference on images it has not seen."""

import torch
from torch.nn import functional
from torch.utils.data import DataLoader, Subset

from autoprec_runner.workload import Workload
from digits_cnn import digits, network

TRAINING_IMAGES = 1024


def workload() -> Workload:
    """Return the inference on held-out images, after two epochs of training, which take a few seconds."""
    model, images = network(), digits()
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
    seen = Subset(images, range(TRAINING_IMAGES))
    for _ in range(2):
        for pixels, classes in DataLoader(seen, batch_size=64, shuffle=True):
            functional.cross_entropy(model(pixels), classes).backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            optimizer.zero_grad()
    unseen = Subset(images, range(TRAINING_IMAGES, len(images)))
    return Workload(model=model, batch=DataLoader(unseen, batch_size=256), mode="inference", name="digits inference")
