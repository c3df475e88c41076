"""Small random architectures, for the fingerprint's properties.

Run as a script, it is another process that builds them: it reads descriptions, one a line, and prints fingerprints.
"""

import json
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812 (as everybody calls it)
from torch import Tensor, nn

ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "relu": F.relu,
    "gelu": F.gelu,
    "tanh-gelu": partial(F.gelu, approximate="tanh"),
    "own": lambda x: x * x.sigmoid(),
}
DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float64": torch.float64}


def eager(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    return (q @ k.mT).softmax(-1) @ v


ATTENTIONS: dict[str, Callable[..., Tensor]] = {"sdpa": F.scaled_dot_product_attention, "eager": eager}


@dataclass(frozen=True, kw_only=True)
class Description:
    """What decides the structure; the seed of the weights is none of it."""

    width: int = 4
    hidden: tuple[int, ...] = (4,)
    block: str = "plain"
    activation: str = "relu"
    attention: str = "sdpa"
    buffer: int = 1
    buffer_dtype: str = "float32"
    dtype: str = "float32"
    tied: bool = False
    frozen: bool = False


class Block(nn.Module):
    """Counts its steps and keeps its last output, as models do."""

    def __init__(self, given: Description, hidden: int) -> None:
        super().__init__()
        self.up, self.down = nn.Linear(given.width, hidden), nn.Linear(hidden, given.width)
        self._activation = ACTIVATIONS[given.activation]
        self.attend = ATTENTIONS[given.attention]
        self.register_buffer("mask", torch.ones(given.buffer, dtype=DTYPES[given.buffer_dtype]))
        self.steps = 0
        self._last: Tensor | None = None
        self._cache: dict[str, Tensor] = {}

    def forward(self, x: Tensor) -> Tensor:
        self.steps += 1
        self._last = self.mix(x)
        self._cache["last"] = self._last
        return self._last

    def mix(self, x: Tensor) -> Tensor:
        y: Tensor = self.down(self._activation(self.up(x)))
        return self.attend(y, y, y)


class Residual(Block):
    """The same layers and settings; what differs is what a method that the forward calls does."""

    def mix(self, x: Tensor) -> Tensor:
        return x + super().mix(x)


class Post(Block):
    """The same layers and settings, another forward."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x) * 2


BLOCKS: dict[str, type[Block]] = {"plain": Block, "residual": Residual, "post": Post}


class Network(nn.Module):
    """Blocks between an encoder and a decoder, which may be tied."""

    def __init__(self, given: Description) -> None:
        super().__init__()
        self.encoder, self.decoder = nn.Linear(given.width, given.width), nn.Linear(given.width, given.width)
        self.blocks = nn.ModuleList(BLOCKS[given.block](given, hidden) for hidden in given.hidden)
        if given.tied:
            self.decoder.weight = self.encoder.weight

    def forward(self, x: Tensor) -> Tensor:
        x = self.encoder(x)
        for block in self.blocks:
            x = block(x)
        return self.decoder(x)  # type: ignore[no-any-return]


def build(given: Description, seed: int = 0) -> nn.Module:
    """Return a model whose weights depend on the seed, and whose structure does not."""
    torch.manual_seed(seed)
    model = Network(given)
    for parameter in model.parameters():
        parameter.data = parameter.data.to(DTYPES[given.dtype])
    model.encoder.requires_grad_(requires_grad=not given.frozen)
    return model


def to_json(given: Description) -> str:
    return json.dumps(asdict(given))


def from_json(text: str) -> Description:
    fields: dict[str, Any] = json.loads(text)
    return Description(**{**fields, "hidden": tuple(fields["hidden"])})


if __name__ == "__main__":
    from autoprec_runner.fingerprint import model_fingerprint

    for number, line in enumerate(sys.stdin):
        print(model_fingerprint(build(from_json(line), seed=number)), flush=True)  # noqa: T201 (its answer)
