"""Modules that stay in float32 below a half precision."""

import copy
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from autoprec_runner.engine import Engine
from autoprec_runner.errors import PrecisionError
from autoprec_runner.precision import MixedPrecision

HALF = {"16-mixed": torch.float16, "bf16-mixed": torch.bfloat16, "16-true": torch.float16, "bf16-true": torch.bfloat16}


class Probe(nn.Module):
    """Notes what it sees in its forward."""

    def __init__(self) -> None:
        super().__init__()
        self.linear: nn.Linear = nn.Linear(4, 4)
        self.seen: list[object] = []

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.linear(x)
        self.seen = [x.dtype, y.dtype, torch.is_autocast_enabled("cpu"), torch.get_default_dtype()]
        return y


class Model(nn.Module):
    encoder: Any  # mypy knows members of a ModuleDict as modules only

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.ModuleDict({"block": Probe(), "head": Probe()})
        self.h = Probe()

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.h(self.encoder["head"](self.encoder["block"](x)))
        return y


@pytest.mark.parametrize("precision", HALF)
def test_a_kept_module_computes_in_float32_and_its_neighbours_do_not(precision: str) -> None:
    model = Engine(precision, accelerator="cpu", keep_fp32=["encoder.block"]).setup(Model())
    output = model(torch.randn(2, 4))
    kept, other = model.encoder["block"], model.encoder["head"]
    assert [torch.float32, torch.float32, False, torch.float32] == kept.seen
    assert HALF[precision] is other.seen[1]
    assert torch.float32 is kept.linear.weight.dtype
    assert torch.float32 is output.dtype
    outside = torch.float32 if precision.endswith("-mixed") else HALF[precision]
    assert outside is other.linear.weight.dtype


@pytest.mark.parametrize("precision", HALF)
def test_a_kept_module_keeps_its_weights_to_the_last_bit(precision: str) -> None:
    model = Model()
    expected = model.h.linear.weight.detach().clone()
    assert torch.equal(expected, Engine(precision, accelerator="cpu", keep_fp32=("h",)).setup(model).h.linear.weight)


@pytest.mark.parametrize("precision", ["16-mixed", "bf16-mixed"])
def test_inputs_reach_a_kept_first_module_unrounded(precision: str) -> None:
    inputs: list[Tensor] = []
    model = Model()
    model.encoder["block"].linear.register_forward_pre_hook(lambda _, arguments: inputs.append(arguments[0]))
    x = torch.full((1, 4), 1 + 2.0**-20)
    Engine(precision, accelerator="cpu", keep_fp32=["encoder.block"]).setup(model)(x)
    assert torch.equal(x, inputs[0])


def test_a_mixed_precision_with_a_kept_module_is_autocast_switched_off_around_it() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 4), nn.Linear(4, 1))
    plain, x = copy.deepcopy(model), torch.randn(8, 4)
    engine = Engine("bf16-mixed", accelerator="cpu", keep_fp32=["1"])
    ours, optimizer = engine.setup(model, torch.optim.SGD(model.parameters(), lr=0.1))
    theirs = torch.optim.SGD(plain.parameters(), lr=0.1)
    for _ in range(20):
        optimizer.zero_grad()
        engine.backward(ours(x).square().mean())
        optimizer.step()
        theirs.zero_grad()
        with torch.autocast("cpu", dtype=torch.bfloat16):
            hidden = plain[0](x)
            with torch.autocast("cpu", enabled=False):
                hidden = plain[1](hidden.float())
            output = plain[2](hidden)
        output.float().square().mean().backward()
        theirs.step()
    for mine, their in zip(ours.parameters(), plain.parameters(), strict=True):
        assert torch.equal(their, mine)


def test_copies_keep_what_was_kept_and_names_stay() -> None:
    model = Engine("bf16-true", accelerator="cpu", keep_fp32=["h"]).setup(Model())
    clone = copy.deepcopy(model)
    clone(torch.randn(2, 4))
    assert torch.float32 is clone.h.seen[0]
    assert [] == model.h.seen
    assert list(Model().state_dict()) == list(model.state_dict())


def test_half_weights_of_a_kept_module_are_cast_up() -> None:
    model = Engine("bf16-mixed", accelerator="cpu", keep_fp32=["h"]).setup(Model().to(torch.bfloat16))
    assert torch.float32 is model.h.linear.weight.dtype
    assert torch.bfloat16 is model.encoder["head"].linear.weight.dtype


def test_a_checkpoint_of_a_model_with_a_kept_module_can_be_resumed(tmp_path: Path) -> None:
    engine = Engine("bf16-true", accelerator="cpu", keep_fp32=["h"])
    model = engine.setup(Model())
    engine.save(tmp_path / "checkpoint", {"model": model})
    other = Engine("bf16-true", accelerator="cpu", keep_fp32=["h"])
    restored = other.setup(Model())
    other.load(tmp_path / "checkpoint", {"model": restored})
    for name, value in model.state_dict().items():
        assert torch.equal(value, restored.state_dict()[name])
        assert value.dtype is restored.state_dict()[name].dtype


def test_what_was_kept_is_part_of_the_effective_dtypes() -> None:
    engine = Engine("16-true", accelerator="cpu", keep_fp32=["encoder.head", "h"])
    effective = engine.effective_dtypes(engine.setup(Model()))
    assert "Kept in float32: encoder.head, h." == effective.note
    assert {"float16", "float32"} == set(effective.parameters.split(", "))


def test_a_plugin_keeps_modules_as_well_as_a_string() -> None:
    model = Engine(plugins=MixedPrecision("bf16-mixed", "cpu"), accelerator="cpu", keep_fp32=["h"]).setup(Model())
    model(torch.randn(1, 4))
    assert torch.float32 is model.h.seen[1]


@pytest.mark.parametrize(
    ("name", "hint"),
    [("hh", "Did you mean 'h'?"), ("encoder.blok", "'encoder.block'"), ("qqq", "See model.named_modules()"), ("", "")],
)
def test_an_unknown_name_is_refused_with_its_neighbours(name: str, hint: str) -> None:
    with pytest.raises(PrecisionError, match=rf"keep_fp32 names '{name}', and Model has no such module") as caught:
        Engine("bf16-true", accelerator="cpu", keep_fp32=[name]).setup(Model())
    assert hint in str(caught.value)


def test_a_name_in_place_of_names_is_refused() -> None:
    with pytest.raises(PrecisionError, match=r"write keep_fp32=\['h'\]"):
        Engine("bf16-true", accelerator="cpu", keep_fp32="h")


@pytest.mark.parametrize(
    ("precision", "strategy"),
    [("32-true", "single"), ("64-true", "single"), ("bf16-mixed", "fsdp"), ("bf16-true", "deepspeed")],
)
def test_other_precisions_and_strategies_refuse_to_keep_modules(precision: str, strategy: str) -> None:
    with pytest.raises(PrecisionError, match="cannot keep 'h' in float32"):
        Engine(precision, strategy=strategy, accelerator="cpu", keep_fp32=["h"])


def test_a_parameter_that_is_converted_elsewhere_cannot_be_kept() -> None:
    model = Model()
    model.h.linear.weight = model.encoder["head"].linear.weight
    with pytest.raises(PrecisionError, match=r"shares 'encoder.head.linear.weight'"):
        Engine("bf16-true", accelerator="cpu", keep_fp32=["h"]).setup(model)
    assert torch.float32 is model.encoder["block"].linear.weight.dtype
    Engine("bf16-mixed", accelerator="cpu", keep_fp32=["h"]).setup(model)(torch.randn(1, 4))
    assert torch.float32 is model.h.seen[1]


def test_a_buffer_that_is_converted_elsewhere_cannot_be_kept() -> None:
    model = Model()
    table = torch.ones(4)
    model.h.register_buffer("table", table)
    model.register_buffer("table", table)
    with pytest.raises(PrecisionError, match=r"shares 'table'"):
        Engine("16-true", accelerator="cpu", keep_fp32=["h"]).setup(model)


def test_init_module_cannot_keep_modules_that_have_no_name_yet() -> None:
    engine = Engine("bf16-true", accelerator="cpu", keep_fp32=["h"])
    with pytest.raises(PrecisionError, match="Make the model outside"), engine.init_module():
        Model()
