"""Where a plugin differs from Lightning Fabric's on purpose: both sides are asked, and the reason is told."""

import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from autoprec_runner.errors import PrecisionError
from autoprec_runner.precision import DeepSpeedPrecision, FSDPPrecision, HalfPrecision, resolve_precision
from autoprec_runner.precision.contexts import DefaultDtype

fabric = pytest.importorskip("lightning_fabric.plugins.precision", reason="compares with Lightning Fabric")

OURS: dict[str, Callable[[], Any]] = {
    "fsdp bf16-mixed": lambda: FSDPPrecision("bf16-mixed", device="cpu"),
    "deepspeed bf16-mixed": lambda: DeepSpeedPrecision("bf16-mixed", device="cpu"),
}
FABRIC: dict[str, Callable[[], Any]] = {
    "64-true": fabric.DoublePrecision,
    "16-true": lambda: fabric.HalfPrecision("16-true"),
    "bf16-true": lambda: fabric.HalfPrecision("bf16-true"),
    "16-mixed": lambda: fabric.MixedPrecision("16-mixed", "cpu"),
    "fsdp bf16-mixed": lambda: fabric.FSDPPrecision("bf16-mixed"),
    "deepspeed bf16-mixed": lambda: fabric.DeepSpeedPrecision("bf16-mixed"),
}


def raises(call: Callable[[], Any]) -> bool:
    try:
        call()
    except Exception:  # noqa: BLE001 (whatever it is)
        return True
    return False


def wave(plugin: Any) -> torch.dtype:
    module = nn.Linear(1, 1)
    module.register_buffer("wave", torch.tensor([1 + 2j], dtype=torch.complex64))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch says that the imaginary part is lost
        return plugin.convert_module(module).get_buffer("wave").dtype  # type: ignore[no-any-return]


def shares_a_buffer(plugin: Any) -> bool:
    module = nn.ModuleList([nn.Linear(1, 1), nn.Linear(1, 1)])
    buffer = torch.ones(1)
    for each in module:
        each.register_buffer("shared", buffer)
    plugin.convert_module(module)
    return module[0].get_buffer("shared") is module[1].get_buffer("shared")


def remembers_its_construction(plugin: Any) -> bool:
    context = plugin.tensor_init_context()
    with DefaultDtype(torch.float64):
        with context:
            pass
        return torch.get_default_dtype() is not torch.float64


def scaled(plugin: Any, *, factor: float = 1.0, fused: bool = False) -> list[torch.optim.Optimizer]:
    """Return two optimizers, each of one parameter, after a backward."""
    layer = nn.Linear(3, 2)
    plugin.backward(layer(torch.ones(1, 3)).sum() * factor, layer)
    return [torch.optim.SGD([each], lr=0.1, fused=fused) for each in layer.parameters()]


def scale_after_two_skips(plugin: Any) -> float:
    optimizers = scaled(plugin, factor=float("inf"))
    for each in optimizers:
        plugin.unscale_gradients(each)
    for each in optimizers:
        plugin.optimizer_step(each)
    return float(plugin.state_dict()["scale"])


def refuses_a_second_unscaling(plugin: Any) -> bool:
    optimizer, _ = scaled(plugin)
    plugin.unscale_gradients(optimizer)
    return raises(lambda: plugin.unscale_gradients(optimizer))


def refuses_fused_optimizers(plugin: Any) -> bool:
    optimizer, _ = scaled(plugin, fused=True)
    return raises(lambda: plugin.unscale_gradients(optimizer))


@dataclass(frozen=True)
class Frozen:
    x: Tensor


@dataclass
class Derived:
    x: Tensor
    mask: Tensor = field(init=False)

    def __post_init__(self) -> None:
        self.mask = self.x > 0
        self.mask = self.mask.float()


def entered(plugin: Any, data: Any, name: str) -> str:
    try:
        return str(getattr(plugin.convert_input(data), name).dtype)
    except ValueError:
        return "refused"


@dataclass(frozen=True, kw_only=True)
class Difference:
    """What one question shows of Fabric's plugin and of ours, and why ours does not do as Fabric's."""

    precision: str
    ask: Callable[[Any], Any]
    fabric: Any
    ours: Any
    reason: str


DIFFERENCES = {
    "complex buffers": Difference(
        precision="bf16-true",
        ask=wave,
        fabric=torch.bfloat16,
        ours=torch.complex64,
        reason="module.to(half) drops the imaginary part, with it a rotary table",
    ),
    "shared buffers": Difference(
        precision="64-true",
        ask=shares_a_buffer,
        fabric=False,
        ours=True,
        reason="what is shared stays shared",
    ),
    "a context made before the default dtype changed": Difference(
        precision="16-true",
        ask=remembers_its_construction,
        fabric=True,
        ours=False,
        reason="a context restores what was there when it was entered",
    ),
    "two optimizers on one loss": Difference(
        precision="16-mixed",
        ask=scale_after_two_skips,
        fabric=16384.0,
        ours=32768.0,
        reason="the scale is updated once a loss; Fabric's second step halves it once more",
    ),
    "unscaling twice": Difference(
        precision="16-mixed",
        ask=refuses_a_second_unscaling,
        fabric=True,
        ours=False,
        reason="clipping by norm and by value in one step is no mistake",
    ),
    "clipping with a fused optimizer": Difference(
        precision="16-mixed",
        ask=refuses_fused_optimizers,
        fabric=True,
        ours=False,
        reason="the scaler tells a fused optimizer that its gradients are unscaled already",
    ),
    "an empty state": Difference(
        precision="16-mixed",
        ask=lambda plugin: raises(lambda: plugin.load_state_dict({})),
        fabric=True,
        ours=False,
        reason="a run that starts in 32-true can go on in 16-mixed",
    ),
    "a frozen dataclass": Difference(
        precision="bf16-true",
        ask=lambda plugin: entered(plugin, Frozen(torch.ones(1)), "x"),
        fabric="refused",
        ours="torch.bfloat16",
        reason="a copy of it is made, nothing of the user's is modified",
    ),
    "a field that a dataclass makes itself": Difference(
        precision="bf16-true",
        ask=lambda plugin: entered(plugin, Derived(torch.ones(1)), "mask"),
        fabric="torch.float32",
        ours="torch.bfloat16",
        reason="a module that takes half takes no float32 beside it",
    ),
    "data in which nothing changes": Difference(
        precision="bf16-true",
        ask=lambda plugin: plugin.convert_input(data := {"tokens": torch.ones(1, dtype=torch.int64)}) is data,
        fabric=False,
        ours=True,
        reason="copying containers for nothing costs time in every step",
    ),
    "a range": Difference(
        precision="bf16-true",
        ask=lambda plugin: raises(lambda: plugin.convert_input(range(3))),
        fabric=True,
        ours=False,
        reason="it holds no tensors",
    ),
    "inputs under FSDP": Difference(
        precision="fsdp bf16-mixed",
        ask=lambda plugin: plugin.convert_input(torch.ones(1, dtype=torch.bfloat16)).dtype,
        fabric=torch.float32,
        ours=torch.bfloat16,
        reason="our forward is inside FSDP's, which has cast them to half by then",
    ),
    "a mixed precision under DeepSpeed": Difference(
        precision="deepspeed bf16-mixed",
        ask=lambda plugin: type(plugin.forward_context()) is torch.autocast,
        fabric=False,
        ours=True,
        reason="Fabric runs DeepSpeed's bf16 mode, which is bf16-true here; mixed is autocast",
    ),
}


@pytest.mark.parametrize("name", DIFFERENCES)
def test_a_difference_is_there_and_on_purpose(name: str) -> None:
    difference = DIFFERENCES[name]
    precision = difference.precision
    ours = OURS[precision]() if precision in OURS else resolve_precision(precision)
    assert difference.reason
    assert (difference.fabric, difference.ours) == (difference.ask(FABRIC[precision]()), difference.ask(ours))


def test_an_unknown_half_precision_becomes_fp16_there_and_is_refused_here() -> None:
    assert torch.float16 == fabric.HalfPrecision("half").convert_input(torch.ones(1)).dtype
    with pytest.raises(PrecisionError, match="'16-true' or 'bf16-true'"):
        HalfPrecision("half")
