"""The examples that the precision guides give for Transformer Engine, written with `Engine`, on a stand-in."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from autoprec_runner.engine import Engine
from autoprec_runner.precision import TransformerEnginePrecision

STEPS = 20


class Classifier(nn.Module):
    """Tells which of 16 directions a point of 32 coordinates is nearest to; notes the dtypes inside its forward."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Linear(32, 64), nn.GELU(), nn.LayerNorm(64))
        self.head = nn.Linear(64, 16)
        self.seen: set[torch.dtype] = set()

    def forward(self, x: Tensor) -> Tensor:
        hidden = self.body(x)
        self.seen |= {x.dtype, hidden.dtype, torch.get_default_dtype()}
        logits: Tensor = self.head(hidden)
        return logits


def train(engine: Engine, dtype: torch.dtype) -> Classifier:
    torch.manual_seed(0)
    x = torch.randn(64, 32)
    target = x[:, :16].argmax(1)
    model = Classifier()
    optimizer = engine.setup_optimizers(torch.optim.AdamW(model.parameters(), lr=5e-3, eps=1e-4))
    engine.setup(model)
    losses = []
    for _ in range(STEPS):
        optimizer.zero_grad()
        output = model(x)
        loss = cross_entropy(output, target)
        engine.backward(loss)
        engine.clip_gradients(model, optimizer, max_norm=1.0)
        optimizer.step()
        losses.append(loss.item())
        assert torch.float32 == output.dtype
    assert losses[-1] < 0.6 * losses[0]
    assert {dtype} == model.seen
    assert {dtype} == {each.grad.dtype for each in model.parameters() if each.grad is not None}
    assert {dtype} == {each["exp_avg"].dtype for each in optimizer.state.values()}
    return model


@pytest.mark.parametrize(
    ("precision", "dtype"),
    [("transformer-engine", torch.bfloat16), ("transformer-engine-float16", torch.float16)],
)
def test_select_8_bit_mixed_precision_by_its_string(te: Any, precision: str, dtype: torch.dtype) -> None:
    model = train(Engine(precision=precision, accelerator="cpu"), dtype)
    layers = [each for each in model.modules() if isinstance(each, te.Linear)]
    assert [True, True] == [each.fp8 for each in layers]
    assert "DelayedScaling" == type(layers[0].fp8_meta["recipe"]).__name__


def test_customize_the_recipe_or_set_a_different_base_precision(te: Any) -> None:
    recipe = {"fp8_format": "HYBRID", "amax_history_len": 16, "amax_compute_algo": "max"}
    precision = TransformerEnginePrecision(weights_dtype=torch.bfloat16, recipe=recipe)
    model = train(Engine(plugins=precision, accelerator="cpu"), torch.bfloat16)
    layer = next(each for each in model.modules() if isinstance(each, te.Linear))
    assert 16 == layer.fp8_meta["recipe"].amax_history_len


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_the_same_recipe_runs_emulated_where_there_is_no_fp8(dtype: torch.dtype) -> None:
    recipe = {"fp8_format": "HYBRID", "amax_history_len": 16, "amax_compute_algo": "max"}
    train(Engine(plugins=TransformerEnginePrecision(dtype, recipe, emulate=True), accelerator="cpu"), dtype)


def test_automatic_replacement_is_not_done_where_a_layer_has_been_replaced_already(te: Any) -> None:
    model = nn.Sequential(te.Linear(16, 16, device="cpu"), nn.Linear(16, 16))
    model = Engine("transformer-engine", accelerator="cpu").setup(model)
    assert isinstance(model[1], nn.Linear)
