import copy
import pickle
from contextlib import AbstractContextManager
from typing import Any

import pytest
import torch
from torch import nn

from autoprec_runner.precision import DoublePrecision, HalfPrecision, MixedPrecision, Precision
from autoprec_runner.testing import PrecisionContract


class TestPrecision(PrecisionContract):
    def make(self) -> Precision:
        return Precision()


class TestDoublePrecision(PrecisionContract):
    def make(self) -> Precision:
        return DoublePrecision()


class TestFloat16Precision(PrecisionContract):
    def make(self) -> Precision:
        return HalfPrecision("16-true")


class TestBFloat16Precision(PrecisionContract):
    def make(self) -> Precision:
        return HalfPrecision("bf16-true")


class TestFloat16MixedPrecision(PrecisionContract):
    def make(self) -> Precision:
        return MixedPrecision("16-mixed", "cpu")


class TestBFloat16MixedPrecision(PrecisionContract):
    def make(self) -> Precision:
        return MixedPrecision("bf16-mixed", "cpu")


class TestMixedPrecisionWithoutCastingInputs(PrecisionContract):
    def make(self) -> Precision:
        return MixedPrecision("16-mixed", "cpu", cast_inputs=False)


class Broken(Precision):
    """Breaks the contract in every way that a plugin can."""

    precision = "broken"

    def convert_module(self, module: nn.Module) -> nn.Module:
        for name, parameter in module.get_submodule("first").named_parameters():
            setattr(module.get_submodule("first"), name, nn.Parameter(parameter.detach().clone()))
        again = nn.Linear(4, 4)
        module.add_module("again", again)
        frozen = module.get_submodule("frozen").requires_grad_().train()
        frozen._forward_hooks.clear()
        return module.to(torch.bfloat16)

    def convert_input(self, data: Any) -> Any:
        if isinstance(data, dict) and "x" in data:
            data["x"] = [each.half() for each in data["x"]]
        return copy.copy(data)

    def convert_output(self, data: Any) -> Any:
        return data.half() if isinstance(data, torch.Tensor) else copy.copy(data)

    def forward_context(self) -> AbstractContextManager[Any]:
        return Leaking()

    def optimizer_step(self, optimizer: Any, *_: Any, **__: Any) -> Any:
        return optimizer.param_groups[0]["params"][0].data.fill_(float("nan"))

    def state_dict(self) -> dict[str, Any]:
        return {"step": object()}


class Leaking(AbstractContextManager[None]):
    def __enter__(self) -> None:
        torch.set_default_dtype(torch.float16)

    def __exit__(self, *_: object) -> None:
        torch.set_default_dtype(torch.float32)


class BrokenContract(PrecisionContract):
    __test__ = False

    def make(self) -> Precision:
        return Broken()


@pytest.mark.filterwarnings("ignore:Casting complex values")
@pytest.mark.parametrize("name", [each for each in dir(PrecisionContract) if each.startswith("test_")])
def test_a_plugin_that_breaks_the_contract_fails_it(name: str) -> None:
    before = torch.get_default_dtype()
    try:
        if name == "test_it_names_its_precision":
            BrokenContract().test_it_names_its_precision()
            return
        with pytest.raises(
            (AssertionError, RuntimeError, AttributeError, pickle.PicklingError, pickle.UnpicklingError)
        ):
            getattr(BrokenContract(), name)()
    finally:
        torch.set_default_dtype(before)
