"""The contract of a precision for DeepSpeed's plugins; `test_deepspeed.py` runs it in a process of its own."""

import sys

import pytest
import torch

from autoprec_runner.engine import Engine
from autoprec_runner.precision import DeepSpeedPrecision, Precision
from autoprec_runner.testing import PrecisionContract


class _DeepSpeedContract(PrecisionContract):
    precision = ""
    clips = False

    def make(self) -> Precision:
        return DeepSpeedPrecision(self.precision, device="cpu")

    def make_engine(self, plugin: Precision) -> Engine:
        return Engine(plugin, strategy="deepspeed", accelerator="cpu")


class TestFloat32(_DeepSpeedContract):
    precision = "32-true"


class TestBFloat16Mixed(_DeepSpeedContract):
    precision = "bf16-mixed"


class TestFloat16Mixed(_DeepSpeedContract):
    precision = "16-mixed"


class TestBFloat16True(_DeepSpeedContract):
    precision = "bf16-true"


if __name__ == "__main__":
    # DeepSpeed warns of itself at every start.
    torch.save(int(pytest.main([__file__, "-q", "-p", "no:cacheprovider", "-W", "ignore"])), sys.argv[1])
