"""A training script in the precision that `autoprec run` chooses, or in fp32 without it.

autoprec run examples/train_digits.py --precision auto --workload examples/digits_cnn.py:workload
"""

import argparse

import torch
from torch import nn
from torch.utils.data import DataLoader

import autoprec
from digits_cnn import digits, network


def main() -> None:
    """Train the network for some epochs and print how often it is right on the images that it has learned."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--epochs", type=int, default=3)
    epochs = parser.parse_args().epochs
    torch.manual_seed(0)
    engine = autoprec.Engine()
    model = network()
    model, optimizer = engine.setup(model, torch.optim.Adam(model.parameters(), lr=1e-3))
    criterion = nn.CrossEntropyLoss()
    for epoch in range(epochs):
        right = 0
        for batch in DataLoader(digits(), batch_size=128, shuffle=True):
            images, classes = engine.to_device(batch)
            optimizer.zero_grad()
            output = model(images)
            loss = criterion(output, classes)
            engine.backward(loss)
            optimizer.step()
            right += int((output.argmax(-1) == classes).sum())
        accuracy = right / len(digits())
        print(f"epoch {epoch}: {accuracy:.1%} right, in {engine.precision_plugin.precision}")  # noqa: T201 (its result)


if __name__ == "__main__":
    main()
