"""Batches inferred from a model's layers."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils.parametrizations import weight_norm

from autoprec_runner.errors import WorkloadError
from autoprec_runner.workload.inputs import INFERRED_BATCHES, MAX_CANDIDATES, infer_inputs
from autoprec_runner.workload.tensors import describe


class LanguageModel(nn.Module):
    def __init__(self, positions: int = 32) -> None:
        super().__init__()
        self.tokens, self.positions = nn.Embedding(100, 16), nn.Embedding(positions, 16)
        layer = nn.TransformerEncoderLayer(16, 2, 32, batch_first=True)
        self.encoder, self.head = nn.TransformerEncoder(layer, 1, enable_nested_tensor=False), nn.Linear(16, 100)

    def forward(self, ids: Tensor) -> Tensor:
        positions = torch.arange(ids.shape[1])
        return self.head(self.encoder(self.tokens(ids) + self.positions(positions)))  # type: ignore[no-any-return]


class Recurrent(nn.Module):
    def __init__(self, kind: type[nn.LSTM | nn.GRU], *, batch_first: bool) -> None:
        super().__init__()
        self.rnn = kind(6, 8, batch_first=batch_first)
        self.head, self.axis = nn.Linear(8, 2), 1 if batch_first else 0

    def forward(self, x: Tensor) -> Tensor:
        states, _ = self.rnn(x)
        return self.head(states.select(self.axis, -1))  # type: ignore[no-any-return]


class Forecaster(nn.Module):
    """Projects features, then mixes time: [B, in] alone would be taken for [T, in] without a batch."""

    def __init__(self) -> None:
        super().__init__()
        self.project, self.mix, self.head = nn.Linear(7, 8), nn.GRU(8, 8, batch_first=True), nn.Linear(8, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.mix(self.project(x))[0][:, -1])  # type: ignore[no-any-return]


class SmallUNet(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.down, self.pool = nn.Conv2d(3, 4, 3, padding=1), nn.MaxPool2d(2)
        self.middle, self.up = nn.Conv2d(4, 8, 3, padding=1), nn.ConvTranspose2d(8, 4, 2, stride=2)
        self.out = nn.Conv2d(8, 3, 1)

    def forward(self, x: Tensor) -> Tensor:
        skip = self.down(x)
        return self.out(torch.cat([skip, self.up(self.middle(self.pool(skip)))], 1))  # type: ignore[no-any-return]


class Diffusion(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv, self.steps = nn.Conv2d(3, 4, 3, padding=1), nn.Embedding(1000, 4)

    def forward(self, x: Tensor, t: Tensor) -> Tensor:
        return self.conv(x) + self.steps(t)[:, :, None, None]  # type: ignore[no-any-return]


class Patches(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.patch, self.position = nn.Conv2d(3, 8, 16, stride=16), nn.Parameter(torch.zeros(1, 196, 8))

    def forward(self, x: Tensor) -> Tensor:
        return self.patch(x).flatten(2).transpose(1, 2) + self.position  # type: ignore[no-any-return]


class LearnedPositions(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.position, self.embed = nn.Parameter(torch.zeros(1, 21, 8)), nn.Embedding(50, 8)

    def forward(self, ids: Tensor) -> Tensor:
        return self.embed(ids) + self.position  # type: ignore[no-any-return]


class TwoTower(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.user, self.item = nn.Embedding(50, 8), nn.Embedding(20, 8)

    def forward(self, user: Tensor, item: Tensor) -> Tensor:
        return (self.user(user) * self.item(item)).sum(-1)  # type: ignore[no-any-return]


class Fusion(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.left, self.right = nn.Linear(4, 8), nn.Linear(9, 8)

    def forward(self, left: Tensor, right: Tensor) -> Tensor:
        return self.left(left) + self.right(right)  # type: ignore[no-any-return]


class OwnWeight(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(5, 3))

    def forward(self, x: Tensor) -> Tensor:
        return x @ self.weight


class Attends(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.attention = nn.MultiheadAttention(8, 2, batch_first=True)

    def forward(self, x: Tensor) -> Tensor:
        return self.attention(x, x, x)[0]  # type: ignore[no-any-return]


def _cnn(size: int) -> nn.Module:
    convolution = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.MaxPool2d(2))
    return nn.Sequential(convolution, nn.Flatten(), nn.Linear(4 * ((size - 2) // 2) ** 2, 10))


def _transformer() -> nn.Module:
    return nn.Transformer(8, 2, 1, 1, 16, batch_first=True)


MODELS: dict[str, tuple[Callable[[], nn.Module], str]] = {
    "perceptron": (lambda: nn.Sequential(nn.Linear(20, 8), nn.ReLU(), nn.Linear(8, 2)), "float32[32, 20]"),
    "flattened image": (lambda: nn.Sequential(nn.Flatten(), nn.Linear(784, 10)), "float32[32, 784]"),
    "convolutions of 28 pixels": (lambda: _cnn(28), "float32[16, 1, 28, 28]"),
    "convolutions of 32 pixels": (lambda: _cnn(32), "float32[16, 1, 32, 32]"),
    "convolutions of 64 pixels": (lambda: _cnn(64), "float32[16, 1, 64, 64]"),
    "any image": (
        lambda: nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.AdaptiveAvgPool2d(1), nn.Flatten()),
        "float32[16, 3, 32, 32]",
    ),
    "stem of an ImageNet model": (
        lambda: nn.Sequential(nn.Conv2d(3, 4, 7, stride=2), nn.AdaptiveAvgPool2d(1)),
        "float32[16, 3, 224, 224]",
    ),
    "patches": (Patches, "float32[16, 3, 224, 224]"),
    "U-Net": (SmallUNet, "float32[16, 3, 32, 32]"),
    "diffusion": (Diffusion, "(float32[16, 3, 32, 32], int64[16])"),
    "generator": (lambda: nn.Sequential(nn.ConvTranspose2d(10, 4, 4)), "float32[16, 10, 1, 1]"),
    "signal": (lambda: nn.Sequential(nn.Conv1d(2, 4, 5), nn.ReLU()), "float32[16, 2, 128]"),
    "volume": (lambda: nn.Sequential(nn.Conv3d(1, 2, 3), nn.ReLU()), "float32[4, 1, 16, 16, 16]"),
    "embedding bag": (lambda: nn.Sequential(nn.EmbeddingBag(30, 4), nn.Linear(4, 2)), "int64[32, 4]"),
    "language model": (LanguageModel, "int64[16, 32]"),
    "language model with few positions": (lambda: LanguageModel(11), "int64[16, 8]"),
    "learned positions": (LearnedPositions, "int64[16, 21]"),
    "LSTM, batch first": (lambda: Recurrent(nn.LSTM, batch_first=True), "float32[16, 64, 6]"),
    "LSTM, time first": (lambda: Recurrent(nn.LSTM, batch_first=False), "float32[64, 16, 6]"),
    "GRU, batch first": (lambda: Recurrent(nn.GRU, batch_first=True), "float32[16, 64, 6]"),
    "RNN cell": (lambda: nn.LSTMCell(6, 4), "float32[32, 6]"),
    "features over time": (Forecaster, "float32[16, 64, 7]"),
    "transformer": (_transformer, "(float32[16, 64, 8], float32[16, 64, 8])"),
    "transformer encoder": (
        lambda: nn.TransformerEncoder(nn.TransformerEncoderLayer(8, 2, 16, batch_first=True), 1),
        "float32[16, 64, 8]",
    ),
    "transformer decoder, time first": (
        lambda: nn.TransformerDecoder(nn.TransformerDecoderLayer(8, 2, 16), 1),
        "(float32[64, 16, 8], float32[64, 16, 8])",
    ),
    "attention": (lambda: nn.MultiheadAttention(8, 2), ", ".join(["(float32[64, 16, 8]"] * 3).replace(" (", " ") + ")"),
    "self-attention": (Attends, "float32[16, 64, 8]"),
    "layer norm first": (lambda: nn.Sequential(nn.LayerNorm(12), nn.Linear(12, 2)), "float32[32, 12]"),
    "batch norm first": (lambda: nn.Sequential(nn.BatchNorm1d(12), nn.Linear(12, 2)), "float32[32, 12]"),
    "batch norm of images first": (
        lambda: nn.Sequential(nn.BatchNorm2d(3), nn.Conv2d(3, 2, 3)),
        "float32[16, 3, 32, 32]",
    ),
    "group norm first": (lambda: nn.Sequential(nn.GroupNorm(2, 4), nn.Conv2d(4, 2, 3)), "float32[16, 4, 32, 32]"),
    "bilinear": (lambda: nn.Bilinear(5, 5, 2), "(float32[32, 5], float32[32, 5])"),
    "two embeddings": (TwoTower, "(int64[16, 64], int64[16, 64])"),
    "two linear layers": (Fusion, "(float32[32, 4], float32[32, 9])"),
    "weight norm": (lambda: nn.Sequential(weight_norm(nn.Linear(5, 2))), "float32[32, 5]"),
    "a parameter of its own": (OwnWeight, "float32[32, 5]"),
}


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.filterwarnings("ignore:enable_nested_tensor")
def test_inputs_are_found_from_the_first_layers(name: str) -> None:
    make, expected = MODELS[name]
    model = make()
    inferred = infer_inputs(model, seed=0)
    assert expected == describe(inferred.batches[0])
    assert INFERRED_BATCHES == len(inferred.batches)
    for batch in inferred.batches:
        inferred.call(model, batch)
    assert expected.strip("()") in inferred.sentence


def test_the_batch_size_is_told_where_time_comes_first() -> None:
    assert 16 == infer_inputs(Recurrent(nn.LSTM, batch_first=False), seed=0).batch_size


def test_the_seed_decides_the_numbers() -> None:
    def first(seed: int) -> Tensor:
        tensor: Tensor = infer_inputs(nn.Linear(4, 2), seed=seed).batches[0]
        return tensor

    assert torch.equal(first(1), first(1))
    assert not torch.equal(first(1), first(2))


def test_batches_differ_from_each_other() -> None:
    batches = infer_inputs(nn.Linear(4, 2), seed=0).batches
    assert not torch.equal(batches[0], batches[1])


def test_padding_is_not_drawn() -> None:
    model = nn.Sequential(nn.Embedding(3, 4, padding_idx=0))
    assert 1 == min(int(batch.min()) for batch in infer_inputs(model, seed=0).batches)


def test_the_sentence_names_shape_and_layer() -> None:
    sentence = (
        "Inputs inferred: random float32[32, 4] from the first layer Linear(in_features=4, out_features=2, bias=True)."
    )
    assert sentence == infer_inputs(nn.Linear(4, 2), seed=0).sentence


class Never(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer, self.calls = nn.Conv2d(3, 4, 3), 0

    def forward(self, _: Any) -> Tensor:
        self.calls += 1
        raise RuntimeError("needs a graph")


def test_where_nothing_runs_the_candidates_and_the_way_out_are_told() -> None:
    model = Never()
    with pytest.raises(WorkloadError) as caught:
        infer_inputs(model, seed=0)
    message = str(caught.value)
    assert "The inputs of Never cannot be inferred from its first layer Conv2d(3, 4" in message
    assert "float32[B, 3, 32, 32]: RuntimeError: needs a graph" in message
    assert "and 4 more\nPass batch=" in message
    assert 0 < model.calls <= MAX_CANDIDATES


def test_a_model_without_any_layer_is_told_so() -> None:
    with pytest.raises(WorkloadError, match="No layer of it says what it takes"):
        infer_inputs(nn.Identity(), seed=0)


@pytest.mark.filterwarnings("ignore:Lazy modules")
def test_a_lazy_model_has_to_be_given_a_batch() -> None:
    with pytest.raises(WorkloadError, match=r"Sequential has lazy parameters. Pass batch="):
        infer_inputs(nn.Sequential(nn.LazyLinear(3)), seed=0)
