"""A candidate with emulated numerics is judged for stability, and neither timed nor recommended."""

from pathlib import Path

import pytest

import autoprec
from autoprec_probe import Candidate
from autoprec_runner.search.screen import default_candidates
from autoprec_runner.trial import Mode, Objective, Trial

BUDGET_SECONDS = 20.0
EMULATED = Candidate(precision="transformer-engine", emulate=True)


def studied(
    tmp_path: Path, *candidates: Candidate, mode: Mode = "train", objective: Objective = "throughput"
) -> list[Trial]:
    answer = autoprec.suggest(
        f"{Path(__file__).with_name('emulated.py')}:regression",
        mode=mode,
        candidates=candidates,
        objective=objective,
        budget=BUDGET_SECONDS,
        store=tmp_path / "trials.db",
    )
    assert EMULATED != answer.candidate
    assert [] == [
        each for each in answer.alternatives if each.candidate == EMULATED and "stability only" not in each.note
    ]
    return [trial for trial in answer.trials if trial.candidate in candidates]


@pytest.mark.parametrize("mode", ["train", "inference"])
@pytest.mark.parametrize("objective", ["throughput", "memory"])
def test_it_is_judged_and_never_measured(tmp_path: Path, mode: Mode, objective: Objective) -> None:
    trials = studied(tmp_path, EMULATED, mode=mode, objective=objective)
    assert ["sprint", "verify"] == [trial.phase for trial in trials]
    assert {None} == {each for trial in trials for each in (trial.step_time, trial.peak_memory_bytes)}
    assert trials[-1].stability is not None
    assert trials[-1].effective_dtypes is not None
    assert "emulated float8_e4m3fn, bfloat16" == trials[-1].effective_dtypes.compute
    assert "emulated" == trials[-1].support


def test_it_is_judged_also_where_another_candidate_has_won(tmp_path: Path) -> None:
    trials = studied(tmp_path, EMULATED, Candidate(precision="64-true"))
    assert "verify" in [trial.phase for trial in trials if trial.candidate == EMULATED]


def test_what_has_no_emulation_is_refused_by_the_screen(tmp_path: Path) -> None:
    (trial,) = studied(tmp_path, Candidate(precision="bf16-mixed", emulate=True))
    assert ("screen", "unsupported") == (trial.phase, trial.status)


def test_it_is_no_default_candidate() -> None:
    from autoprec_probe import probe  # noqa: PLC0415 (for this test alone)

    profile = probe()
    candidates = default_candidates(profile, profile.default_device, "single")
    assert [] == [each for each in candidates if each.emulate]
    assert "transformer-engine" in [each.precision for each in candidates]
