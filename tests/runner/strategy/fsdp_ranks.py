"""What two processes under FSDP do; process 0 saves what they saw for `test_fsdp_processes.py`."""

import sys
import warnings
from pathlib import Path
from typing import Any

import torch
from strategy_models import Net, batches, is_first, make_net, make_optimizer, parameters, train
from torch import nn

from autoprec_runner.engine import Engine
from autoprec_runner.errors import PrecisionError
from autoprec_runner.precision.fsdp import FSDPPrecision
from autoprec_runner.precision.shard_scaler import ShardScaler

PRECISIONS = ("32-true", "bf16-mixed", "16-mixed", "bf16-true", "16-true")


def plugin(precision: str) -> FSDPPrecision:
    # A scale that no gradient of this model overflows, so that runs can be compared step by step.
    return FSDPPrecision(precision, scaler=ShardScaler("cpu", init_scale=8.0) if precision == "16-mixed" else None)


def trained(engine: Engine, **options: Any) -> dict[str, Any]:
    # Each process makes other weights; those of process 0 count.
    model, optimizer = engine.setup(make_net(seed=engine.rank), make_optimizer)
    seen = train(engine, model, optimizer, **options)
    engine.backward(model(torch.ones(2, 6)).mean())
    return {
        "seen": seen,
        "parameters": parameters(model),
        "dtypes": engine.effective_dtypes(model, optimizer).model_dump(),
        "shard": tuple(model.head.weight.to_local().shape),
        "state_shard": tuple(optimizer.state[model.head.weight]["exp_avg"].to_local().shape),
    }


def skipping_together(engine: Engine) -> dict[str, Any]:
    """Let the gradients overflow in the second process only."""
    model, optimizer = engine.setup(make_net(), make_optimizer)
    before = parameters(model)
    x, _ = next(batches())
    engine.backward(model(x).mean() * (1e30 if engine.rank == 1 else 1.0))
    optimizer.step()
    told = torch.tensor(
        [float(engine.precision_plugin.last_step_skipped), engine.precision_plugin.state_dict()["scale"]]
    )
    gathered = [torch.empty(2) for _ in range(engine.world_size)]
    torch.distributed.all_gather(gathered, told)
    unchanged = all(map(torch.equal, before.values(), parameters(model).values()))
    return {"skipped_and_scale": [each.tolist() for each in gathered], "unchanged": unchanged}


def resumed(engine: Engine, path: Path) -> dict[str, Any]:
    data = batches()
    model, optimizer = engine.setup(make_net(), make_optimizer)
    before = train(engine, model, optimizer, data=(next(data) for _ in range(10)))
    engine.save(path, {"model": model, "optimizer": optimizer, "step": 10})
    fresh, other = engine.setup(make_net(seed=7), make_optimizer)
    state = {"model": fresh, "optimizer": other, "step": 0}
    engine.load(path, state)
    after = train(engine, fresh, other, data=data)
    return {"losses": before + after, "parameters": parameters(fresh), "step": state["step"]}


def refused_everywhere(engine: Engine, folder: Path) -> str:
    (folder / "file").touch()
    try:
        engine.save(folder / "file" / "below.ckpt", {"model": Net()})
    except (PrecisionError, OSError) as error:
        return type(error).__name__
    return "nothing"


def clipping_what_is_not_finite(engine: Engine) -> str:
    model, optimizer = engine.setup(make_net(), make_optimizer)
    engine.backward(model(next(batches())[0]).mean() * (float("nan") if engine.rank == 1 else 1.0))
    try:
        engine.clip_gradients(model, optimizer, max_norm=1.0)
    except RuntimeError as error:
        return str(error)
    return "nothing"


def main(result: Path) -> None:
    warnings.simplefilter("error")
    base = Engine(strategy="fsdp", accelerator="cpu")  # joins from the environment, as torchrun sets it
    found: dict[str, Any] = {"rank": base.rank, "world_size": base.world_size}
    for precision in PRECISIONS:
        engine = Engine(plugins=plugin(precision), strategy="fsdp", accelerator="cpu")
        found[precision] = trained(engine)
        found[f"{precision} shared"] = trained(engine, share=True)
        found[f"{precision} clipped"] = trained(engine, share=True, max_norm=0.3)
    found["accumulated"] = trained(base, accumulate=2, share=True)
    found["skipping"] = skipping_together(Engine("16-mixed", strategy="fsdp", accelerator="cpu"))
    for precision in ("32-true", "16-mixed"):
        engine = Engine(plugins=plugin(precision), strategy="fsdp", accelerator="cpu")
        found[f"{precision} resumed"] = resumed(engine, result.parent / f"{precision}.ckpt")
    found["refused"] = refused_everywhere(base, result.parent)
    found["not finite"] = clipping_what_is_not_finite(base)
    found["method"] = marked_method(base)
    base.close()
    found["closed"] = not torch.distributed.is_initialized()
    if is_first():
        torch.save(found, result)


def marked_method(engine: Engine) -> float:
    model = engine.setup(make_net())
    engine.mark_forward_method(model, "training_step")
    loss: torch.Tensor = model.training_step(*next(batches()))
    engine.backward(loss)
    assert all(isinstance(each.grad, nn.Parameter | torch.Tensor) for each in model.parameters())
    return loss.item()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
