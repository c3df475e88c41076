"""A forward pass that is compiled inside its precision."""

import copy
import pickle
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from torch import nn

from autoprec_runner.engine import Engine
from autoprec_runner.errors import PrecisionError

pytestmark = [
    pytest.mark.skipif(shutil.which("g++") is None, reason="torch.compile needs g++ on a CPU"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # of what torch.compile imports
]


def network() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(8, 16), nn.GELU(), nn.Linear(16, 4))


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    from torch._inductor import config  # noqa: PLC0415 (takes seconds)

    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path / "compiled"))
    with config.patch(compile_threads=1):  # no processes that outlive the test
        yield


def test_a_compiled_forward_gives_what_it_gives_as_it_is_and_compiles_once() -> None:
    x = torch.randn(3, 8)
    plain = Engine("bf16-mixed", accelerator="cpu").setup(network())
    engine = Engine("bf16-mixed", accelerator="cpu", compile=True)
    compiled = engine.setup(network())
    assert 0 == engine.compilations
    assert isinstance(compiled, nn.Sequential)
    torch.testing.assert_close(compiled(x), plain(x), rtol=2e-2, atol=2e-2)
    compiled(x)
    assert 1 == engine.compilations
    assert torch.float32 == compiled(x).dtype
    assert plain.state_dict().keys() == compiled.state_dict().keys()


def test_a_compiled_model_trains() -> None:
    engine = Engine("32-true", accelerator="cpu", compile=True)
    model = network()
    set_up, optimizer = engine.setup(model, torch.optim.SGD(model.parameters(), lr=0.1))
    losses = []
    for _ in range(3):
        loss = set_up(torch.ones(2, 8)).square().mean()
        engine.backward(loss)
        optimizer.step()
        optimizer.zero_grad()
        losses.append(float(loss.detach()))
    assert losses[2] < losses[1] < losses[0]


def test_copies_and_pickles_are_compiled_for_themselves() -> None:
    model = Engine("32-true", accelerator="cpu", compile=True).setup(network())
    for other in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):  # noqa: S301 (written here)
        with torch.no_grad():
            other[2].bias += 1
        x = torch.ones(1, 8)
        torch.testing.assert_close(other(x), model(x) + 1)


@pytest.mark.parametrize("strategy", ["fsdp", "deepspeed"])
def test_other_strategies_refuse_it_with_the_way_out(strategy: str) -> None:
    with pytest.raises(PrecisionError, match=r"compile=True is for strategy='single'.*parts before setup"):
        Engine("32-true", strategy=strategy, compile=True)
