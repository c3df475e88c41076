"""Models that come in sizes, so that each has a near relative: what is learnt of one should hold for the next.

`transfer.py` measures them beside the zoo. Each factory is named after its family and size.
"""

import torch
from torch import Tensor, nn

from autoprec_runner.workload import Workload


def mlp_768() -> Workload:
    """Return a multilayer perceptron of width 768."""
    return _mlp(768)


def mlp_1024() -> Workload:
    """Return a multilayer perceptron of width 1024."""
    return _mlp(1024)


def mlp_1536() -> Workload:
    """Return a multilayer perceptron of width 1536."""
    return _mlp(1536)


def encoder_256() -> Workload:
    """Return a transformer encoder of width 256."""
    return _encoder(256)


def encoder_384() -> Workload:
    """Return a transformer encoder of width 384."""
    return _encoder(384)


def encoder_512() -> Workload:
    """Return a transformer encoder of width 512."""
    return _encoder(512)


def convolutions_64() -> Workload:
    """Return a stack of convolutions with 64 channels."""
    return _convolutions(64)


def convolutions_96() -> Workload:
    """Return a stack of convolutions with 96 channels."""
    return _convolutions(96)


def _mlp(width: int) -> Workload:
    model = nn.Sequential(
        nn.Linear(256, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU(),
        nn.Linear(width, 10),
    )  # fmt: skip
    return Workload(model=model, batch=_classified(256, 256), loss=nn.CrossEntropyLoss(), name=f"MLP of {width}")


def _encoder(width: int) -> Workload:
    layer = nn.TransformerEncoderLayer(width, 8, 4 * width, dropout=0.0, batch_first=True, activation="gelu")
    model = nn.Sequential(nn.TransformerEncoder(layer, 2, enable_nested_tensor=False), nn.Linear(width, 16))
    generator = torch.Generator().manual_seed(0)
    inputs = torch.randn(8, 64, width, generator=generator)
    targets = inputs[..., :16].argmax(dim=-1)
    return Workload(model=model, batch=(inputs, targets), loss=_of_tokens, name=f"encoder of {width}")


def _convolutions(channels: int) -> Workload:
    model = nn.Sequential(
        nn.Conv2d(3, channels, 3, padding=1), nn.ReLU(), nn.Conv2d(channels, channels, 3, padding=1), nn.ReLU(),
        nn.Conv2d(channels, channels, 3, padding=1), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(),
        nn.Linear(channels, 10),
    )  # fmt: skip
    return Workload(
        model=model, batch=_classified(16, 3, 32, 32), loss=nn.CrossEntropyLoss(), name=f"convolutions of {channels}"
    )


def _classified(*shape: int) -> tuple[Tensor, Tensor]:
    """Return inputs of a shape, and classes that follow from them."""
    inputs = torch.randn(*shape, generator=torch.Generator().manual_seed(0))
    return inputs, inputs.flatten(1)[:, :10].argmax(dim=1)


def _of_tokens(output: Tensor, batch: tuple[Tensor, Tensor]) -> Tensor:
    return nn.functional.cross_entropy(output.flatten(0, 1), batch[1].flatten())
