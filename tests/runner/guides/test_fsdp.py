"""The example that the precision guides give for FSDP, written with `Engine`, in one process of a real group."""

from collections.abc import Iterator

import pytest
import torch
from torch import nn
from torch.distributed.fsdp import MixedPrecision, MixedPrecisionPolicy
from torch.nn.functional import cross_entropy

from autoprec_runner.engine import Engine
from autoprec_runner.errors import PrecisionError
from autoprec_runner.precision import FSDPPrecision

STEPS = 20
HALF = {"16-mixed": torch.float16, "bf16-mixed": torch.bfloat16}


class Classifier(nn.Module):
    """Tells which of 4 directions a point of 8 coordinates is nearest to; notes the dtypes inside its forward."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.body = nn.Sequential(nn.Linear(8, 16), nn.GELU(), nn.Linear(16, 16))
        self.head = nn.Linear(16, 4)
        self.inside: set[torch.dtype] = set()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        hidden = self.body(x)
        self.inside |= {x.dtype, hidden.dtype}
        logits: torch.Tensor = self.head(hidden)
        return logits


def train(engine: Engine, *, max_norm: float | None = None) -> list[float]:
    """Train, with the loss in the engine's autocast too, and say which dtypes there were."""
    model, optimizer = engine.setup(Classifier(), lambda model: torch.optim.AdamW(model.parameters(), lr=0.01))
    x = torch.randn(32, 8, generator=torch.Generator().manual_seed(1))
    losses = []
    for _ in range(STEPS):
        optimizer.zero_grad()
        with engine.autocast():
            loss = cross_entropy(model(x), x[:, :4].argmax(1))
        engine.backward(loss)
        if max_norm is not None:
            engine.clip_gradients(model, optimizer, max_norm=max_norm)
        optimizer.step()
        losses.append(loss.item())
    weight = model.head.weight
    assert torch.float32 == weight.dtype == weight.grad.dtype == optimizer.state[weight]["exp_avg"].dtype
    assert {HALF[engine.precision_plugin.precision]} == model.inside
    return losses


@pytest.fixture(params=["16-mixed", "bf16-mixed"])
def engine(request: pytest.FixtureRequest) -> Iterator[Engine]:
    engine = Engine(request.param, strategy="fsdp", accelerator="cpu")
    yield engine
    engine.close()


def test_fsdp_with_mixed_precision() -> None:
    engine = Engine(
        precision=FSDPPrecision(precision="bf16-mixed", device="cpu"),
        strategy="fsdp",
        accelerator="cpu",
        mixed_precision=MixedPrecisionPolicy(param_dtype=torch.bfloat16, reduce_dtype=torch.bfloat16),
    )
    losses = train(engine)
    engine.close()
    assert losses[-1] < 0.8 * losses[0]


def test_the_configuration_of_fsdp_1_is_told_what_to_say_instead() -> None:
    config = MixedPrecision(param_dtype=torch.bfloat16, reduce_dtype=torch.bfloat16, buffer_dtype=torch.bfloat16)
    with pytest.raises(PrecisionError, match="MixedPrecisionPolicy"):
        Engine(strategy="fsdp", accelerator="cpu", mixed_precision=config)


def test_clipping_and_the_state_of_the_precision(engine: Engine) -> None:
    losses = train(engine, max_norm=1.0)
    assert losses[-1] < 0.8 * losses[0]
    plugin = engine.precision_plugin
    state = plugin.state_dict()
    fresh = FSDPPrecision(plugin.precision, device="cpu")
    fresh.load_state_dict(state)
    assert state == fresh.state_dict()
    assert ("16-mixed" == plugin.precision) == bool(state)
