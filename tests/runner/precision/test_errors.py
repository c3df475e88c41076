"""What cannot be honoured is told back, with what is allowed and the way out."""

import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn

from autoprec_runner.engine import Engine
from autoprec_runner.errors import IncompatibleError, PrecisionError
from autoprec_runner.precision import (
    BitsandbytesPrecision,
    DeepSpeedPrecision,
    FSDPPrecision,
    HalfPrecision,
    MixedPrecision,
    TransformerEnginePrecision,
)
from autoprec_runner.precision.transformer_engine.machine import Machine

try:
    import bitsandbytes  # noqa: F401 (whether it is there)
except ModuleNotFoundError:
    HAS_BITSANDBYTES = False
else:
    HAS_BITSANDBYTES = True

SHARDED = ["32-true", "bf16-mixed", "16-mixed", "bf16-true", "16-true"]


class OnVolta(TransformerEnginePrecision):
    machine = Machine(capability=(7, 0), cuda="12.8", cublaslt="12.8.4.1", device="cuda")


def engine(*arguments: Any, **options: Any) -> Engine:
    return Engine(*arguments, **{"accelerator": "cpu", **options})


def ignored_while_made() -> None:
    with engine(plugins=BitsandbytesPrecision("nf4", ignore_modules={"lm_head"})).init_module():
        pass


def lbfgs() -> None:
    run = engine("16-mixed")
    model = nn.Linear(1, 1)
    _, optimizer = run.setup(model, torch.optim.LBFGS(model.parameters()))
    optimizer.step(lambda: 0.0)


def unscaled() -> None:
    run = engine("16-mixed")
    model = nn.Linear(1, 1)
    model, optimizer = run.setup(model, torch.optim.SGD(model.parameters()))
    model(torch.ones(1, 1)).sum().backward()
    optimizer.step()


bnb = pytest.mark.skipif(not HAS_BITSANDBYTES, reason="needs bitsandbytes")
MISTAKES: dict[str, Any] = {
    "wrong mode": (
        lambda: BitsandbytesPrecision("int4"),  # type: ignore[arg-type]
        ["BitsandbytesPrecision(mode='int4'", "'nf4', 'nf4-dq', 'fp4', 'fp4-dq', 'int8', 'int8-training'"],
    ),
    "a dtype that int8 refuses": (
        lambda: BitsandbytesPrecision("int8", dtype=torch.bfloat16),
        ["mode='int8', dtype=torch.bfloat16", "only works with `dtype=torch.float16`", "Leave dtype out"],
    ),
    "a dtype that 4 bit refuses": (
        lambda: BitsandbytesPrecision("nf4", dtype=torch.float64),
        ["mode='nf4', dtype=torch.float64", "torch.float16", "torch.bfloat16", "torch.float32", "leave dtype out"],
    ),
    "ignored modules in a string": (
        lambda: BitsandbytesPrecision("nf4", ignore_modules="lm_head"),
        ["ignore_modules='lm_head'", "takes a set: write {'lm_head'}"],
    ),
    "FP8 on Volta": (
        OnVolta,
        ["OnVolta(weights_dtype=torch.bfloat16)", "capability 8.9 (Ada)", "has 7.0", "'bf16-mixed'", "emulate=True"],
    ),
    "weights that FP8 does not have": (
        lambda: TransformerEnginePrecision(torch.float64),
        ["weights_dtype=torch.float64", "torch.bfloat16, torch.float16, torch.float32"],
    ),
    "a format that FP8 does not have": (
        lambda: TransformerEnginePrecision(fp8_format="e5m2"),
        ["fp8_format='e5m2'", "'hybrid' or 'e4m3'"],
    ),
    "64-true with FSDP": (
        lambda: engine("64-true", strategy="fsdp"),
        ["FSDPPrecision(precision='64-true')", *SHARDED, "strategy='single'"],
    ),
    "64-true with DeepSpeed": (
        lambda: DeepSpeedPrecision("64-true"),
        ["DeepSpeedPrecision(precision='64-true'", *SHARDED, "strategy='single'"],
    ),
    "an unknown half precision under FSDP": (lambda: FSDPPrecision("half"), ["precision='half'", *SHARDED]),
    "a scaler without float16 under FSDP": (
        lambda: FSDPPrecision("bf16-mixed", torch.amp.GradScaler("cpu")),
        ["precision='bf16-mixed'", "does not use a scaler", "'16-mixed'"],
    ),
    "Apex": (
        lambda: DeepSpeedPrecision("16-mixed", amp_type="apex", amp_level="O2"),
        ["amp_type='apex', amp_level='O2'", "has removed", "amp_type='native'"],
    ),
    "an unknown half precision": (lambda: HalfPrecision("half"), ["precision='half'", "'16-true' or 'bf16-true'"]),
    "an unknown mixed precision": (
        lambda: MixedPrecision("16", "cpu"),
        ["precision='16'", "'16-mixed' or 'bf16-mixed'"],
    ),
    "an unknown precision": (
        lambda: engine("bf17-mixed"),
        ["'bf17-mixed'", "Did you mean 'bf16-mixed'", "32-true, bf16-mixed, 16-mixed", "aliases: 32, 64, 16, bf16"],
    ),
    "a plugin and a precision": (
        lambda: engine("bf16-mixed", plugins=HalfPrecision("bf16-true")),
        ["HalfPrecision('bf16-true'), 'bf16-mixed'", "either precision= or one plugin"],
    ),
    "a plugin of another strategy": (
        lambda: engine(FSDPPrecision("bf16-true", device="cpu")),
        ["FSDPPrecision('bf16-true')", "runs 'single'", "strategy='fsdp'"],
    ),
    "a plugin of another device": (
        lambda: engine(MixedPrecision("bf16-mixed", "cuda")),
        ["MixedPrecision('bf16-mixed')", "made for device 'cuda'", "device='cpu'"],
    ),
}
UNSUITABLE: dict[str, Any] = {
    "no Linear to replace": (
        lambda: engine("bnb-nf4").setup(nn.Conv2d(1, 1, 1)),
        ["BitsandbytesPrecision(mode='nf4')", "has no Linear layers", "Conv2d", "Use another precision"],
    ),
    "nothing left to replace": (
        lambda: engine(BitsandbytesPrecision("nf4", ignore_modules={"0"})).setup(nn.Sequential(nn.Linear(64, 64))),
        ["mode='nf4'", "`0` (ignored by '0')", "Ignore fewer modules"],
    ),
    "ignored modules under init_module": (
        ignored_while_made,
        ["init_module", "ignore_modules={'lm_head'}", "Leave out `ignore_modules`, or make the model outside"],
    ),
    "LBFGS under a scaler": (lbfgs, ["LBFGS", "16-mixed", "'bf16-mixed', '32-true'"]),
    "a step without a scaled loss": (unscaled, ["SGD", "16-mixed", "engine.backward(loss)"]),
}
NEED_BITSANDBYTES = {"ignored modules in a string", *list(UNSUITABLE)[:3]}


def marked(cases: dict[str, Any]) -> list[Any]:
    return [
        pytest.param(*case, id=name, marks=[bnb] if name in NEED_BITSANDBYTES else []) for name, case in cases.items()
    ]


@pytest.mark.parametrize(("mistake", "told"), [*marked(MISTAKES), *marked(UNSUITABLE)])
def test_a_mistake_is_told_back_with_what_is_allowed(mistake: Callable[[], Any], told: list[str]) -> None:
    with pytest.raises(PrecisionError) as caught:
        mistake()
    assert [] == [each for each in told if each not in str(caught.value)]
    assert isinstance(caught.value, ValueError)


@pytest.mark.parametrize(("mistake", "_told"), marked(UNSUITABLE))
def test_what_fabric_and_torch_raise_catches_what_is_unsuitable(mistake: Callable[[], Any], _told: list[str]) -> None:
    for kind in (IncompatibleError, TypeError, RuntimeError):
        with pytest.raises(kind):
            mistake()


@pytest.mark.parametrize(
    ("package", "make", "command"),
    [
        ("bitsandbytes", "BitsandbytesPrecision('nf4')", "pip install bitsandbytes"),
        ("deepspeed", "Engine(strategy='deepspeed', accelerator='cpu')", "pip install --no-build-isolation deepspeed"),
        ("transformer_engine", "TransformerEnginePrecision()", "pip install --no-build-isolation 'transformer-engine"),
    ],
)
def test_a_missing_package_comes_with_the_command_that_installs_it(package: str, make: str, command: str) -> None:
    program = f"""
import sys
sys.modules[{package!r}] = None
from autoprec_runner.engine import Engine
from autoprec_runner.precision import BitsandbytesPrecision, TransformerEnginePrecision
try:
    {make}
except ModuleNotFoundError as error:
    print(type(error).__name__, error)
"""
    told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert told.startswith("MissingPackageError")
    assert command in told
