import pytest
import torch

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
        return MixedPrecision("bf16-mixed", "cpu", cast_inputs=False)


class LeakyPrecision(Precision):
    precision = "leaky"

    def convert_output(self, data: torch.Tensor) -> torch.Tensor:
        return data.half() if isinstance(data, torch.Tensor) else data


def test_the_contract_fails_for_a_plugin_that_breaks_it() -> None:
    class Contract(PrecisionContract):
        def make(self) -> Precision:
            return LeakyPrecision()

    with pytest.raises(AssertionError):
        Contract().test_outputs_have_the_default_dtype()
