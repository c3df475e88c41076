"""What is chosen for a script from outside, and how an engine takes it."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from autoprec_probe import Candidate
from autoprec_runner.chosen import precision
from autoprec_runner.engine import Engine
from autoprec_runner.errors import PrecisionError


@pytest.fixture
def chosen(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    monkeypatch.delenv("AUTOPREC_PRECISION", raising=False)
    return monkeypatch


def choose(chosen: pytest.MonkeyPatch, what: str | Candidate) -> None:
    chosen.setenv("AUTOPREC_PRECISION", what if isinstance(what, str) else what.model_dump_json())


@pytest.mark.parametrize("asked", [None, "auto"])
def test_an_engine_that_leaves_it_open_takes_what_was_chosen(chosen: pytest.MonkeyPatch, asked: Any) -> None:
    choose(chosen, "bf16-mixed")
    assert "bf16-mixed" == Engine(asked, accelerator="cpu").precision_plugin.precision == precision()


def test_an_engine_takes_the_options_of_an_answer(chosen: pytest.MonkeyPatch) -> None:
    choose(chosen, Candidate(precision="bf16-true", matmul_precision="medium", keep_fp32=("2",)))
    engine = Engine(accelerator="cpu", keep_fp32=["1"])
    model = engine.setup(nn.Sequential(*(nn.Linear(2, 2) for _ in range(3))))
    assert "medium" == engine.matmul_precision
    assert [torch.bfloat16, torch.float32, torch.float32] == [each.weight.dtype for each in model]


def test_what_a_script_says_itself_stays(chosen: pytest.MonkeyPatch) -> None:
    choose(chosen, Candidate(precision="bf16-mixed", matmul_precision="medium"))
    assert "64-true" == Engine("64-true", accelerator="cpu").precision_plugin.precision
    assert "high" == Engine(accelerator="cpu", matmul_precision="high").matmul_precision


def test_without_a_choice_it_is_fp32(chosen: pytest.MonkeyPatch) -> None:
    chosen.setenv("AUTOPREC_PRECISION", "")
    assert "32-true" == Engine(accelerator="cpu").precision_plugin.precision == precision()


@pytest.mark.parametrize("variable", [None, "auto"])
def test_auto_without_a_choice_says_how_to_make_one(chosen: pytest.MonkeyPatch, variable: str | None) -> None:
    if variable is not None:
        choose(chosen, variable)
    with pytest.raises(PrecisionError, match="autoprec run --precision auto --workload"):
        Engine("auto", accelerator="cpu")


@pytest.mark.parametrize("text", ["bf17", '{"precision": 3}', '{"precision"', '{"precision": "32-true", "extra": 1}'])
def test_a_variable_that_holds_no_precision_is_refused(chosen: pytest.MonkeyPatch, text: str) -> None:
    choose(chosen, text)
    with pytest.raises(PrecisionError, match="AUTOPREC_PRECISION="):
        precision()


def test_an_answer_for_another_strategy_is_refused(chosen: pytest.MonkeyPatch) -> None:
    choose(chosen, Candidate(precision="bf16-mixed", strategy="fsdp"))
    with pytest.raises(PrecisionError, match="was measured with strategy='fsdp'"):
        Engine(accelerator="cpu")


def test_that_somebody_asked_is_noted(chosen: pytest.MonkeyPatch, tmp_path: Path) -> None:
    choose(chosen, "32-true")
    chosen.setenv("AUTOPREC_PRECISION_TAKEN", str(tmp_path / "taken"))
    precision()
    assert (tmp_path / "taken").exists()
