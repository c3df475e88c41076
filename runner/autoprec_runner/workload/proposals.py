"""What each kind of layer says about the data that it takes, as shapes to try. B is the batch, T tokens, S pixels."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

_IMAGE_SIZES = (32, 28, 64, 224, 16, 8, 48, 84, 96, 128, 256, 299)
_STEM_SIZES = (224, 256, 32, 64, 384)
_VOLUME_SHAPES = ((16, 16, 16), (8, 8, 8), (16, 32, 32), (32, 32, 32), (8, 64, 64), (16, 112, 112))
_SIGNAL_LENGTHS = (128, 64, 32, 256, 28, 16, 100, 1024, 16000)
_TOKEN_LENGTHS = (64, 32, 16, 8)
_LATENT_SIZES = (1, 4, 8, 16)
_MANY, _SOME, _FEW = 32, 16, 4
_STEM_KERNEL = 7
_SHORT_TABLE, _LONGEST_TABLE = 128, 2048
_SEQUENTIAL = (
    nn.RNNBase,
    nn.MultiheadAttention,
    nn.Transformer,
    nn.TransformerEncoderLayer,
    nn.TransformerDecoderLayer,
)


@dataclass(frozen=True, kw_only=True)
class InputSpec:
    """One input: its shape without the batch, how many rows a batch has, and the range of ids (None: normal floats)."""

    shape: tuple[int, ...]
    batch_size: int
    batch_axis: int = 0
    low: int = 0
    high: int | None = None

    def draw(self, generator: torch.Generator, size: int) -> Tensor:
        """Return int64 ids in [low, high), or float32 numbers of mean 0 and variance 1."""
        shape = self._full_shape(size)
        if self.high is None:
            return torch.randn(shape, generator=generator)
        return torch.randint(self.low, self.high, shape, generator=generator)

    def text(self, size: int | None = None) -> str:
        """Return dtype and shape, such as `float32[32, 20]`; with B for a batch of any size."""
        dtype = "float32" if self.high is None else "int64"
        return f"{dtype}[{', '.join(map(str, self._full_shape('B' if size is None else size)))}]"

    def _full_shape(self, size: Any) -> tuple[Any, ...]:
        return (*self.shape[: self.batch_axis], size, *self.shape[self.batch_axis :])


Proposer = Callable[[Any, nn.Module], Iterator[InputSpec]]
_Proposer = TypeVar("_Proposer", bound=Proposer)
_PROPOSERS: dict[type[nn.Module], Proposer] = {}


def proposes(*kinds: type[nn.Module]) -> Callable[[_Proposer], _Proposer]:
    """Register what `proposer(layer, model)` yields, likeliest first, for layers of these kinds and subclasses."""

    def register(proposer: _Proposer) -> _Proposer:
        _PROPOSERS.update(dict.fromkeys(kinds, proposer))
        return proposer

    return register


def proposals(layer: nn.Module, model: nn.Module) -> tuple[InputSpec, ...]:
    """Return the inputs to try where `layer` is the first of `model`; none where nothing is known of its kind."""
    proposer = next((_PROPOSERS[kind] for kind in type(layer).__mro__ if kind in _PROPOSERS), None)
    return () if proposer is None else tuple(dict.fromkeys(proposer(layer, model)))


@proposes(nn.Module)
def _unknown(layer: nn.Module, model: nn.Module) -> Iterator[InputSpec]:
    """Take the sides of the layer's own parameters for numbers of features."""
    for parameter in layer.parameters(recurse=False):
        for side in dict.fromkeys((*parameter.shape[:1], *parameter.shape[-1:])):
            yield from _features((side,), model)


@proposes(nn.Linear)
def _linear(layer: nn.Linear, model: nn.Module) -> Iterator[InputSpec]:
    yield from _features((layer.in_features,), model)
    yield from _unfolded(layer.in_features)


@proposes(nn.Bilinear)
def _bilinear(layer: nn.Bilinear, _: nn.Module) -> Iterator[InputSpec]:
    yield InputSpec(shape=(layer.in1_features,), batch_size=_MANY)


@proposes(nn.LayerNorm, nn.RMSNorm)
def _layer_norm(layer: nn.LayerNorm, model: nn.Module) -> Iterator[InputSpec]:
    yield from _features(tuple(layer.normalized_shape), model)


@proposes(nn.Embedding)
def _embedding(layer: nn.Embedding, model: nn.Module) -> Iterator[InputSpec]:
    low = 1 if layer.padding_idx == 0 and layer.num_embeddings > 1 else 0
    for length in (*_lengths(model), None):
        shape = () if length is None else (length,)
        yield InputSpec(shape=shape, batch_size=_SOME, low=low, high=layer.num_embeddings)


@proposes(nn.EmbeddingBag)
def _embedding_bag(layer: nn.EmbeddingBag, _: nn.Module) -> Iterator[InputSpec]:
    yield InputSpec(shape=(_FEW,), batch_size=_MANY, high=layer.num_embeddings)


@proposes(nn.Conv1d, nn.ConvTranspose1d)
def _conv1d(layer: nn.Conv1d, _: nn.Module) -> Iterator[InputSpec]:
    yield from _grids(layer.in_channels, ((length,) for length in _SIGNAL_LENGTHS), _SOME)


@proposes(nn.Conv2d)
def _conv2d(layer: nn.Conv2d, _: nn.Module) -> Iterator[InputSpec]:
    is_stem = min(layer.kernel_size) >= _STEM_KERNEL and min(layer.stride) > 1
    sizes = dict.fromkeys((*_STEM_SIZES, *_IMAGE_SIZES) if is_stem else _IMAGE_SIZES)
    yield from _grids(layer.in_channels, ((size, size) for size in sizes), _SOME)


@proposes(nn.ConvTranspose2d)
def _conv_transpose2d(layer: nn.ConvTranspose2d, _: nn.Module) -> Iterator[InputSpec]:
    yield from _grids(layer.in_channels, ((size, size) for size in (*_LATENT_SIZES, *_IMAGE_SIZES)), _SOME)


@proposes(nn.Conv3d, nn.ConvTranspose3d)
def _conv3d(layer: nn.Conv3d, _: nn.Module) -> Iterator[InputSpec]:
    yield from _grids(layer.in_channels, _VOLUME_SHAPES, _FEW)


@proposes(nn.BatchNorm1d, nn.InstanceNorm1d)
def _batch_norm1d(layer: nn.BatchNorm1d, _: nn.Module) -> Iterator[InputSpec]:
    yield from _grids(layer.num_features, ((), *((length,) for length in _SIGNAL_LENGTHS)), _MANY)


@proposes(nn.BatchNorm2d, nn.InstanceNorm2d)
def _batch_norm2d(layer: nn.BatchNorm2d, _: nn.Module) -> Iterator[InputSpec]:
    yield from _grids(layer.num_features, ((size, size) for size in _IMAGE_SIZES), _SOME)


@proposes(nn.BatchNorm3d, nn.InstanceNorm3d)
def _batch_norm3d(layer: nn.BatchNorm3d, _: nn.Module) -> Iterator[InputSpec]:
    yield from _grids(layer.num_features, _VOLUME_SHAPES, _FEW)


@proposes(nn.GroupNorm)
def _group_norm(layer: nn.GroupNorm, _: nn.Module) -> Iterator[InputSpec]:
    shapes = [*((size, size) for size in _IMAGE_SIZES), *((length,) for length in _SIGNAL_LENGTHS)]
    yield from _grids(layer.num_channels, shapes, _SOME)


@proposes(nn.RNNCellBase)
def _rnn_cell(layer: nn.RNNCellBase, _: nn.Module) -> Iterator[InputSpec]:
    yield InputSpec(shape=(layer.input_size,), batch_size=_MANY)


@proposes(nn.RNNBase)
def _rnn(layer: nn.RNNBase, model: nn.Module) -> Iterator[InputSpec]:
    yield from _sequences(layer.input_size, model, batch_first=layer.batch_first)


@proposes(nn.MultiheadAttention)
def _attention(layer: nn.MultiheadAttention, model: nn.Module) -> Iterator[InputSpec]:
    yield from _sequences(layer.embed_dim, model, batch_first=layer.batch_first)


@proposes(nn.Transformer)
def _transformer(layer: nn.Transformer, model: nn.Module) -> Iterator[InputSpec]:
    yield from _sequences(layer.d_model, model, batch_first=layer.batch_first)


@proposes(nn.TransformerEncoder, nn.TransformerDecoder, nn.TransformerEncoderLayer, nn.TransformerDecoderLayer)
def _transformer_part(layer: nn.Module, model: nn.Module) -> Iterator[InputSpec]:
    attention = next(each for each in layer.modules() if isinstance(each, nn.MultiheadAttention))
    yield from _attention(attention, model)


def _grids(channels: int, shapes: Iterable[tuple[int, ...]], batch_size: int) -> Iterator[InputSpec]:
    for shape in shapes:
        yield InputSpec(shape=(channels, *shape), batch_size=batch_size)


def _features(shape: tuple[int, ...], model: nn.Module) -> Iterator[InputSpec]:
    """Yield one vector a row and sequences of vectors, these first where the model works on sequences."""
    vector = InputSpec(shape=shape, batch_size=_MANY)
    sequences = [InputSpec(shape=(length, *shape), batch_size=_SOME) for length in _lengths(model)]
    is_sequential = any(isinstance(each, _SEQUENTIAL) for each in model.modules())
    yield from (*sequences, vector) if is_sequential else (vector, *sequences)


def _unfolded(features: int) -> Iterator[InputSpec]:
    """Yield the square images that flatten to `features` numbers."""
    for channels in (1, 3):
        size = round((features / channels) ** 0.5)
        if channels * size * size == features:
            yield InputSpec(shape=(channels, size, size), batch_size=_MANY)


def _sequences(width: int, model: nn.Module, *, batch_first: bool) -> Iterator[InputSpec]:
    for length in _lengths(model):
        yield InputSpec(shape=(length, width), batch_size=_SOME, batch_axis=0 if batch_first else 1)


def _lengths(model: nn.Module) -> list[int]:
    """Return numbers of tokens to try: short tables of positions, then the usual ones, then longer tables."""
    tables = sorted(each.shape[-2] for module in model.modules() for each in _own_tables(module))
    embedded = sorted(each.num_embeddings for each in model.modules() if isinstance(each, nn.Embedding))
    short = [each for each in tables if each <= _SHORT_TABLE]
    return list(dict.fromkeys([*short, *_TOKEN_LENGTHS, *tables, *(n for n in embedded if n <= _LONGEST_TABLE)]))


def _own_tables(module: nn.Module) -> list[Tensor]:
    """Return parameters and buffers [T, D] or [1, T, D] that a module of the user's holds itself."""
    if type(module).__module__.startswith("torch."):
        return []
    own = [*module.parameters(recurse=False), *module.buffers(recurse=False)]
    return [each for each in own if each.ndim in (2, 3) and 1 < each.shape[-2] <= _LONGEST_TABLE]
