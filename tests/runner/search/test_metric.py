"""A metric of the user's own decides where there is one."""

from pathlib import Path
from typing import Any

import pytest

import autoprec
from autoprec_runner.trial import Mode, Trial

BUDGET_SECONDS = 20.0


def verified(tmp_path: Path, factory: str, mode: Mode, **options: Any) -> dict[str, Trial]:
    answer = autoprec.suggest(
        f"{Path(__file__).with_name('metrics.py')}:{factory}",
        mode=mode,
        candidates=["bf16-true"],
        objective="memory",
        budget=BUDGET_SECONDS,
        store=tmp_path / "trials.db",
        **options,
    )
    return {trial.candidate.precision: trial for trial in answer.trials if trial.phase == "verify"}


@pytest.mark.parametrize("mode", ["inference", "train"])
def test_a_candidate_whose_metric_differs_is_unstable(tmp_path: Path, mode: Mode) -> None:
    trial = verified(tmp_path, "exact", mode)["bf16-true"]
    assert "unstable" == trial.status
    assert "Its metric is 2 against 1 in fp32" in trial.reason


def test_a_metric_within_tolerance_outweighs_the_output_error(tmp_path: Path) -> None:
    trial = verified(tmp_path, "lenient", "inference", tolerance=1e-9)["bf16-true"]
    assert "ok" == trial.status
    assert trial.stability is not None
    assert 0.0 == trial.stability.deviation


def test_a_metric_that_is_no_number_is_told(tmp_path: Path) -> None:
    reference = verified(tmp_path, "wrong", "inference")["32-true"]
    assert "error" == reference.status
    assert "not one number" in reference.reason
