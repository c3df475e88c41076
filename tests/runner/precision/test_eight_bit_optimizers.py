"""8-bit optimizers of the real bitsandbytes, on the CPU."""

from typing import Any

import pytest
import torch
from torch import nn

pytest.importorskip("bitsandbytes", reason="needs bitsandbytes")

from bitsandbytes.optim import GlobalOptimManager

from autoprec_runner.engine import Engine
from autoprec_runner.errors import PrecisionError
from autoprec_runner.precision import eight_bit_optimizer

RUN_ON_A_CPU = ("Adam8bit", "AdamW8bit", "Adagrad8bit", "Lion8bit", "RMSprop8bit", "SGD8bit", "AdEMAMix8bit")
OPTIONS: dict[str, dict[str, Any]] = {"SGD8bit": {"lr": 0.05, "momentum": 0.9}}


class Tokens(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.embedding = nn.Embedding(100, 64)
        self.hidden = nn.Linear(64, 128)
        self.head = nn.Linear(128, 100)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        output: torch.Tensor = self.head(torch.relu(self.hidden(self.embedding(tokens))))
        return output


def train(model: nn.Module, optimizer: torch.optim.Optimizer, steps: int = 20) -> list[float]:
    engine = Engine("bf16-mixed", accelerator="cpu")
    model, stepped = engine.setup(model, optimizer)
    tokens, losses = torch.arange(32), []
    for _ in range(steps):
        loss = nn.functional.cross_entropy(model(tokens), (tokens + 1) % 100)
        engine.backward(loss)
        stepped.step()
        stepped.zero_grad()
        losses.append(loss.item())
    return losses


def bits(optimizer: torch.optim.Optimizer, parameter: Any) -> int:
    state: torch.Tensor = optimizer.state[parameter]["state1"]
    return 8 * state.element_size()


@pytest.mark.parametrize("name", RUN_ON_A_CPU)
def test_it_learns_with_8_bit_state_and_32_bit_embeddings(name: str) -> None:
    model = Tokens()
    optimizer = eight_bit_optimizer(model, name, **OPTIONS.get(name, {"lr": 3e-3}))
    losses = train(model, optimizer)
    assert losses[-1] < 0.9 * losses[0]
    assert (32, 8, 8) == tuple(bits(optimizer, each.weight) for each in (model.embedding, model.hidden, model.head))


def test_embeddings_can_be_treated_like_the_rest() -> None:
    model = Tokens()
    optimizer = eight_bit_optimizer(model, embedding_bits=8, lr=1e-3)
    train(model, optimizer, steps=1)
    assert 8 == bits(optimizer, model.embedding.weight)


def test_one_optimizer_does_not_change_another() -> None:
    with_embedding = Tokens()
    first = eight_bit_optimizer(with_embedding, lr=1e-3)
    train(with_embedding, first, steps=1)
    other = nn.Sequential(nn.Embedding(1, 1), nn.Linear(64, 128))
    del other[0]
    second = eight_bit_optimizer(other, lr=1e-3)
    other(torch.randn(2, 64)).sum().backward()
    second.step()
    assert 8 == bits(second, other[0].weight)  # at the place of the first one's embedding
    assert [] == GlobalOptimManager.get_instance().module_weight_config_triple


def test_its_state_survives_a_checkpoint() -> None:
    model = Tokens()
    optimizer = eight_bit_optimizer(model, lr=1e-3)
    train(model, optimizer, steps=2)
    other = Tokens()
    fresh = eight_bit_optimizer(other, lr=1e-3)
    fresh.load_state_dict(optimizer.state_dict())
    before, after = optimizer.state[model.hidden.weight], fresh.state[other.hidden.weight]
    assert torch.equal(before["state1"], after["state1"])
    assert torch.uint8 == after["state1"].dtype


def test_only_what_is_trainable_is_optimized() -> None:
    model = Tokens()
    model.hidden.requires_grad_(requires_grad=False)
    optimizer = eight_bit_optimizer(model, lr=1e-3)
    held = {id(each) for group in optimizer.param_groups for each in group["params"]}
    assert {id(each) for each in model.parameters() if each.requires_grad} == held


def test_nothing_to_train_is_an_error() -> None:
    with pytest.raises(PrecisionError, match=r"Linear has no trainable parameters.*bnb-int8-training"):
        eight_bit_optimizer(nn.Linear(2, 2).requires_grad_(requires_grad=False))


@pytest.mark.parametrize(("name", "embedding_bits"), [("Adam", 32), ("adam8bit", 32), ("AdamW8bit", 16)])
def test_an_unknown_optimizer_lists_what_there_is(name: str, embedding_bits: int) -> None:
    with pytest.raises(PrecisionError, match=r"Passed `eight_bit_optimizer\(name=.*AdamW8bit.*embedding_bits 8 or 32"):
        eight_bit_optimizer(Tokens(), name, embedding_bits=embedding_bits)
