"""Models as they come in scripts and notebooks."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

import autoprec
from autoprec_service.store import open_store

NOTEBOOK = """
import torch
from torch import nn
import autoprec

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(16, 4)
        self.activation = lambda hidden: hidden.relu()

    def forward(self, x):
        return self.activation(self.layer(x))

def scaled(factor):
    class Local(nn.Module):
        def __init__(self):
            super().__init__()
            self.net = Net()

        def forward(self, x):
            return factor * self.net(x)

    return Local(), lambda output, batch: factor * (output - batch[1]).square().mean()

model, loss = scaled(2.0)
batch = torch.ones(8, 16), torch.zeros(8, 4)
rec = autoprec.suggest(
    model,
    (batch for _ in range(3)),
    loss=loss,
    optimizer=lambda parameters: torch.optim.SGD(parameters, lr=1e-3),
    candidates=["32-true"],
    budget=12,
)
print(rec.model_dump_json())
"""


def test_classes_closures_and_lambdas_of_a_script_without_a_guard(script: Callable[..., Any], tmp_path: Path) -> None:
    done = script(NOTEBOOK, AUTOPREC_DB=str(tmp_path / "notebook.db"))
    assert (0, "") == (done.code, done.err)
    answer = json.loads(done.out)
    assert ("32-true", "measured") == (answer["precision"], answer["basis"])
    assert "Local" in answer["study"]["workload"]


def test_a_workload_brings_its_own_mode() -> None:
    model = nn.Linear(4, 2)
    workload = autoprec.Workload(model=model, batch=torch.ones(3, 4), mode="inference", name="mine")
    rec = autoprec.suggest(workload, candidates=[32, "32-true"], budget=12, device=torch.device("cpu"))
    assert rec.study is not None
    assert ("32-true", "inference", ("32-true",)) == (
        str(rec),
        rec.mode,
        tuple(each.precision for each in rec.study.candidates),
    )
    assert {rec.study.id} == {trial.study_id for trial in rec.trials}


def test_a_question_is_measured_once_unless_asked_afresh(tmp_path: Path) -> None:
    workload = autoprec.Workload(model=nn.Linear(4, 2), batch=torch.ones(3, 4), mode="inference")
    with open_store(tmp_path / "shared.db") as opened:
        first, again, anew = (
            autoprec.suggest(workload, candidates=["32-true"], budget=12, store=opened, fresh=fresh)
            for fresh in (False, False, True)
        )
        kept = [each.id for each in opened.studies()]
    assert (False, True, False) == (first.remembered, again.remembered, anew.remembered)
    assert first.study == again.study
    assert first.trials == again.trials
    assert first.study is not None
    assert anew.study is not None
    assert [first.study.id, anew.study.id] == kept


def test_an_unstable_reference_recommends_nothing(folder: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    rec = autoprec.suggest("factories.py:not_a_number", candidates=["bf16-mixed"], budget=12)
    assert (False, None) == (bool(rec), rec.precision)
    assert "unstable" in rec.reasons[0]
