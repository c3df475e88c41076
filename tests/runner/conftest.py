import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from autoprec_runner.precision.transformer_engine import TransformerEnginePrecision
from autoprec_runner.precision.transformer_engine.machine import Machine

FAKES = Path(__file__).parent / "precision" / "fakes"
HOPPER = Machine(capability=(9, 0), cuda="12.8", cublaslt="12.8.4.1", device="cpu")


def _forget() -> None:
    for name in [each for each in sys.modules if each.partition(".")[0] == "transformer_engine"]:
        del sys.modules[name]


@pytest.fixture(scope="module")
def one_thread() -> Iterator[None]:
    """On tiny models, and beside other programs, threads wait for each other most of the time."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def te(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Put the stand-in for Transformer Engine in reach, on a machine that is a Hopper GPU in all but device type."""
    monkeypatch.syspath_prepend(FAKES)
    _forget()
    monkeypatch.setattr(TransformerEnginePrecision, "machine", HOPPER)
    import transformer_engine.pytorch as module  # noqa: PLC0415 (in reach from here on)

    yield module
    _forget()
