"""Checkpoints are copies on the CPU: they go from XLA to one device without it, and back."""

from pathlib import Path

import pytest
import torch

pytest.importorskip("torch_xla", reason="needs torch-xla, which has an environment of its own: make test-xla")

from xla_models import make_net, make_optimizer, train, weights

from autoprec_runner.engine import Engine


def engine_under(strategy: str, precision: str) -> Engine:
    return Engine(precision, strategy=strategy, accelerator="cpu")


@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed", "bf16-true"])
@pytest.mark.parametrize(("saving", "loading"), [("xla", "single"), ("single", "xla")])
def test_training_goes_on_under_the_other_strategy(saving: str, loading: str, precision: str, tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.pt"
    engine = engine_under(saving, precision)
    model, optimizer = engine.setup(make_net(), make_optimizer)
    train(engine, model, optimizer, steps=5)
    engine.save(path, {"model": model, "optimizer": optimizer, "step": 5, "mean": engine.to_device(torch.ones(2))})
    saved = weights(model)
    expected = train(engine, model, optimizer, steps=5)
    other = engine_under(loading, precision)
    model, optimizer = other.setup(make_net(), make_optimizer)
    assert {"step", "mean"} == set(other.load(path, {"model": model, "optimizer": optimizer}))
    assert all(map(torch.equal, saved.values(), weights(model).values()))
    actual = train(other, model, optimizer, steps=5)
    torch.testing.assert_close(torch.tensor(actual), torch.tensor(expected), rtol=0.02, atol=1e-3)


def test_everything_in_a_checkpoint_is_on_the_cpu(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.pt"
    engine = engine_under("xla", "32-true")
    model, optimizer = engine.setup(make_net(), make_optimizer)
    train(engine, model, optimizer, steps=1)
    engine.save(path, {"model": model, "optimizer": optimizer, "mean": engine.to_device(torch.ones(2))})
    content = torch.load(path, weights_only=True)
    moments = [value for state in content["optimizer"]["state"].values() for value in state.values()]
    assert {"cpu"} == {each.device.type for each in [*content["model"].values(), *moments, content["mean"]]}
    assert "xla" == model.head.weight.device.type
