import pytest

pytest.importorskip("torch_xla", reason="needs torch-xla, which has an environment of its own: make test-xla")

from autoprec_runner.engine import Engine
from autoprec_runner.precision import Precision, XLAPrecision
from autoprec_runner.testing import PrecisionContract


class _XLAContract(PrecisionContract):
    precision = ""

    def make(self) -> Precision:
        return XLAPrecision(self.precision)

    def make_engine(self, plugin: Precision) -> Engine:
        return Engine(plugin, strategy="xla", accelerator="cpu")


class TestFloat32(_XLAContract):
    precision = "32-true"


class TestBFloat16Mixed(_XLAContract):
    precision = "bf16-mixed"


class TestFloat16Mixed(_XLAContract):
    precision = "16-mixed"


class TestBFloat16True(_XLAContract):
    precision = "bf16-true"


class TestFloat16True(_XLAContract):
    precision = "16-true"


class TestFloat64True(_XLAContract):
    precision = "64-true"
