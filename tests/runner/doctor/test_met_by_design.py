"""What users reported of other tools and what cannot happen here, where no other test holds it already."""

import math
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from machines import A100

from autoprec_probe import Candidate
from autoprec_runner.isolation.forkserver import shared_forkserver
from autoprec_runner.search.conduct import setting_of
from autoprec_runner.search.question import Question
from autoprec_runner.trials.compare import compare_outputs
from autoprec_runner.trials.prepared import Prepared
from autoprec_runner.trials.session import TrialSession
from autoprec_runner.workload.factory import FactorySource

LEAVES_TRACES = """
import os
import torch
from torch import nn

class Told(nn.Linear):
    pass

def workload():
    seen = [os.environ.get("XLA_USE_BF16"), torch.get_default_dtype(), len(getattr(torch, "pinned", ()))]
    os.environ["XLA_USE_BF16"] = "1"
    torch.set_default_dtype(torch.float64)
    torch.pinned = [torch.zeros(1 << 20)]
    model = Told(4, 4)
    model.__class__.__name__ = "_".join(str(each).replace(".", "_") for each in seen)
    return model, torch.randn(2, 4), lambda output, batch: output.sum()
"""


def test_another_version_of_torch_makes_the_question_a_new_one(described: Callable[[str], Prepared]) -> None:
    question = Question(source="", profile=A100, device="cuda")
    prepared = described("adam")
    newer = prepared.model_copy(update={"torch": "99.0"})
    assert question.identity(prepared, ()) == question.identity(prepared, ())
    assert question.identity(prepared, ()) != question.identity(newer, ())


def test_statistics_are_taken_in_fp64() -> None:
    true = torch.ones(4097, dtype=torch.bfloat16)
    mine = true.clone()
    mine[0] = 2.0
    assert 4096 == float(true.sum())  # what a reduction in bf16 makes of it
    assert pytest.approx(math.sqrt(1 / 4097), rel=1e-12) == compare_outputs([[true]], [[mine]])["relative_error"]


def test_what_one_trial_does_to_its_process_does_not_reach_the_next(tmp_path: Path) -> None:
    (tmp_path / "traces.py").write_text(LEAVES_TRACES)
    source = FactorySource(f"{tmp_path / 'traces.py'}:workload").to_json()
    setting = setting_of(Question(source=source, profile=A100, device="cpu"), tmp_path)
    names = []
    for _ in range(2):
        with TrialSession(
            shared_forkserver(), setting, Candidate(precision="32-true"), memory_limit_bytes=2**31
        ) as session:
            names.append(session.prepare(timeout_seconds=60).name)
    assert ["None_torch_float32_0"] * 2 == names
