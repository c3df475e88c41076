"""What one process or two do under DeepSpeed; process 0 saves what they saw for `test_deepspeed.py`."""

import sys
from pathlib import Path
from typing import Any

import torch
from strategy_models import batches, is_first, make_net, make_optimizer, train
from torch import nn

from autoprec_runner.engine import Engine
from autoprec_runner.errors import PrecisionError
from autoprec_runner.precision import DeepSpeedPrecision

ALL = ("32-true", "bf16-mixed", "16-mixed", "bf16-true")


def make_engine(precision: str, **options: Any) -> Engine:
    return Engine(precision, strategy="deepspeed", accelerator="cpu", **options)


def trained(engine: Engine, net: nn.Module | None = None, **options: Any) -> dict[str, Any]:
    model, optimizer = engine.setup(net or make_net(seed=engine.rank), make_optimizer)
    losses = train(engine, model, optimizer, **options)
    found = {
        "losses": losses,
        "dtypes": engine.effective_dtypes(model, optimizer).model_dump(exclude_none=True),
        "type": type(model).__name__,
        "skipped": engine.precision_plugin.last_step_skipped,
    }
    engine.close()
    return found


def refusal(action: Any) -> str:
    try:
        action()
    except PrecisionError as error:
        return str(error)
    return "nothing"


def refusals() -> dict[str, str]:
    engine = make_engine("32-true")
    model, optimizer = engine.setup(make_net(), make_optimizer)
    fp16 = make_engine("16-true")
    found = {
        "fp16": refusal(lambda: fp16.setup(make_net(), make_optimizer)),
        "clip": refusal(lambda: engine.clip_gradients(model, optimizer, max_norm=1.0)),
        "alone": refusal(lambda: engine.setup_optimizers(make_optimizer(make_net()))),
        "two": refusal(lambda: engine.setup(make_net(), make_optimizer, make_optimizer)),
        "closure": refusal(lambda: optimizer.step(lambda: None)),
        "clip and scale": refusal(
            lambda: make_engine("16-mixed", gradient_clipping=1.0).setup(make_net(), make_optimizer),
        ),
        "nothing set up": refusal(lambda: make_engine("32-true").backward(torch.ones((), requires_grad=True))),
    }
    engine.setup(make_net(), make_optimizer)
    found["which"] = refusal(lambda: engine.backward(torch.ones((), requires_grad=True)))
    fp16.close()
    engine.close()
    return found


def resumed(path: Path) -> dict[str, Any]:
    data = batches()
    engine = make_engine("bf16-true")
    model, optimizer = engine.setup(make_net(), make_optimizer)
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 1, gamma=1.0)
    losses = train(engine, model, optimizer, data=(next(data) for _ in range(10)))
    engine.save(path, {"model": model, "optimizer": optimizer, "scheduler": scheduler, "step": 10})
    engine.close()
    engine = make_engine("bf16-true")
    model, optimizer = engine.setup(make_net(seed=5), make_optimizer)
    state = {"model": model, "optimizer": optimizer, "step": 0}
    left = engine.load(path, state)
    losses += train(engine, model, optimizer, data=data)
    engine.close()
    return {"losses": losses, "step": state["step"], "left": sorted(left)}


def marked_method() -> float:
    engine = make_engine("32-true", zero_stage=3)
    model, optimizer = engine.setup(make_net(), make_optimizer)
    engine.mark_forward_method(model, "training_step")
    loss: torch.Tensor = model.training_step(*next(batches()))
    engine.backward(loss)
    optimizer.step()
    assert model.training_step(*next(batches())) < loss
    engine.close()
    return loss.item()


def inference(zero_stage: int) -> torch.Tensor:
    engine = make_engine("bf16-true", zero_stage=zero_stage)
    model = engine.setup(make_net())
    with torch.no_grad():
        output: torch.Tensor = model(torch.ones(2, 6))
    assert engine.effective_dtypes(model).master_weights is None
    engine.close()
    return output


def guide() -> dict[str, Any]:
    """Train as the guide's example says: DeepSpeed with mixed precision; note the dtypes inside the forward."""
    plugin = DeepSpeedPrecision(precision="16-mixed", device="cpu")
    net = make_net()
    inside: set[torch.dtype] = set()
    net.head.register_forward_hook(lambda _, inputs, output: inside.update({inputs[0].dtype, output.dtype}))
    found = trained(Engine(strategy="deepspeed", precision=plugin, accelerator="cpu", zero_stage=2), net)
    return {**found, "inside": inside}


def removed_from_deepspeed() -> str:
    import deepspeed  # noqa: PLC0415 (DeepSpeed chooses its device as it is imported)

    try:
        deepspeed.DeepSpeedConfig({"train_micro_batch_size_per_gpu": 1, "amp": {"enabled": True}})
    except deepspeed.runtime.config.DeepSpeedConfigError as error:
        return str(error)
    return "nothing"


def main(result: Path, which: str) -> None:
    found: dict[str, Any] = {}
    if which == "two":
        outer = make_engine("32-true")
        found["world"] = (outer.rank, outer.world_size)
        for precision in ALL:
            found[precision] = trained(make_engine(precision), share=True)
        found["zero 3"] = trained(make_engine("bf16-mixed", zero_stage=3), share=True)
        found["clipped"] = trained(make_engine("32-true", gradient_clipping=0.3), share=True)
        outer.close()
    else:
        for precision in ALL:
            for stage in range(4):
                found[f"{precision} {stage}"] = trained(make_engine(precision, zero_stage=stage))
        found["again"] = trained(make_engine("32-true"))  # after torch_autocast was used in this process
        found["accumulated"] = trained(make_engine("32-true"), accumulate=2)
        found["clipped"] = trained(make_engine("32-true", gradient_clipping=0.3))
        found["resumed"] = resumed(result.parent / "checkpoint")
        found["method"] = marked_method()
        found["inference"] = [inference(2), inference(3)]
        found["refusals"] = refusals()
        found["guide"] = guide()
        found["removed"] = removed_from_deepspeed()
    found["closed"] = not torch.distributed.is_initialized()
    if is_first():
        torch.save(found, result)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
