"""The examples of the precision guides for FSDP, written anew with `Engine`; DeepSpeed's are run in a script."""

import pytest
import torch
from strategy_models import batches, make_net, make_optimizer, train
from torch.distributed.fsdp import MixedPrecisionPolicy
from torch.nn.functional import mse_loss

from autoprec_runner.engine import Engine
from autoprec_runner.precision import FSDPPrecision


def test_fsdp_with_mixed_precision() -> None:
    precision = FSDPPrecision(precision="bf16-mixed", device="cpu")
    engine = Engine(
        precision=precision,
        strategy="fsdp",
        accelerator="cpu",
        mixed_precision=MixedPrecisionPolicy(param_dtype=torch.bfloat16, reduce_dtype=torch.bfloat16),
    )
    model, optimizer = engine.setup(make_net(), make_optimizer)
    seen = []
    model.embedding.register_forward_hook(lambda *values: seen.append(values[2].dtype))
    losses = train(engine, model, optimizer)
    engine.backward(mse_loss(model(torch.ones(2, 6)), torch.ones(2, 3)))
    assert {torch.bfloat16} == set(seen)
    assert torch.float32 == model.head.weight.dtype == model.head.weight.grad.dtype
    assert torch.float32 == optimizer.state[model.head.weight]["exp_avg"].dtype
    assert sum(losses[-5:]) < sum(losses[:5])
    engine.close()


@pytest.mark.parametrize("precision", ["16-mixed", "bf16-mixed"])
def test_clipping_and_the_state_of_the_precision(precision: str) -> None:
    engine = Engine(precision, strategy="fsdp", accelerator="cpu")
    model, optimizer = engine.setup(make_net(), make_optimizer)
    for x, y in batches(3):
        optimizer.zero_grad()
        with engine.autocast():
            loss = mse_loss(model(x), y)
        engine.backward(loss)
        engine.clip_gradients(model, optimizer, max_norm=1.0)
        optimizer.step()
    state = engine.precision_plugin.state_dict()
    fresh = FSDPPrecision(precision, device="cpu")
    fresh.load_state_dict(state)
    assert state == fresh.state_dict()
    engine.close()
