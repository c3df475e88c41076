import contextlib
import json
import os
import signal
import subprocess
import sys
import textwrap
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from itertools import groupby
from pathlib import Path

import psutil
import pytest

from autoprec_probe import Candidate
from autoprec_runner.isolation.forkserver import ForkServerGoneError
from autoprec_runner.search.conduct import Outcome
from autoprec_runner.search.progress import Progress
from autoprec_runner.study import Study
from autoprec_runner.trial import Phase, Trial
from autoprec_service.policy import recommend
from autoprec_service.recommendation import Recommendation
from autoprec_service.store import Store, open_store

Ask = Callable[..., Outcome]
MIB = 2**20


class Events(Progress):
    """Remembers what it was told; raises KeyboardInterrupt at one event, as Ctrl-C would there."""

    def __init__(self, interrupt_at: str = "") -> None:
        self.told: list[str] = []
        self._interrupt_at = interrupt_at

    def phase(self, phase: Phase) -> None:
        Path(phase).touch()
        self._tell(f"phase {phase}")

    def trying(self, candidate: Candidate) -> None:
        self._tell(f"trying {candidate}")

    def finished(self, trial: Trial) -> None:
        self._tell(f"finished {trial.candidate} {trial.phase}")

    def stop(self) -> None:
        self.told.append("stop")

    def _tell(self, event: str) -> None:
        self.told.append(event)
        if event == self._interrupt_at:
            raise KeyboardInterrupt

    def count(self, event: str, *, before: str = "stop") -> int:
        return self.told[: self.told.index(before)].count(event)


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")


def answer(outcome: Outcome) -> Recommendation:
    study = outcome.study
    return recommend(outcome.trials, objective=study.objective, constraints=study.constraints)


def of(trials: Iterable[Trial], precision: str) -> list[tuple[str, str]]:
    return [(trial.phase, trial.status) for trial in trials if trial.candidate.precision == precision]


def test_a_study_goes_through_its_phases_and_stores_every_trial_before_it_tells(ask: Ask, ledger: Store) -> None:
    class Checking(Events):
        def finished(self, trial: Trial) -> None:
            super().finished(trial)
            assert trial == ledger.trial(trial.id)

    events = Checking()
    outcome = ask("raises_in_verification_in_bf16", "bf16-true", progress=events)
    assert 1 == events.count("trying 32-true", before="phase verify")
    phases = [event for event in events.told if event.startswith("phase")]
    assert ["phase screen", "phase sprint", "phase race", "phase verify"] == phases
    assert [("sprint", "ok"), ("race", "ok"), ("verify", "ok")] == of(outcome.trials, "32-true")
    assert [("sprint", "ok"), ("race", "ok"), ("verify", "error")] == of(outcome.trials, "bf16-true")
    assert ("32-true", "complete", "stop") == (answer(outcome).precision, outcome.study.status, events.told[-1])


def test_what_a_good_trial_measures_is_recorded(ask: Ask) -> None:
    outcome = ask("is_heavy", budget=12.0)
    trial = next(trial for trial in outcome.trials if ("32-true", "verify") == (trial.candidate.precision, trial.phase))
    assert trial.step_time is not None
    assert 0 < trial.step_time.low_seconds <= trial.step_time.median_seconds <= trial.step_time.high_seconds
    assert trial.samples_per_second == pytest.approx(4 / trial.step_time.median_seconds)
    assert trial.peak_memory_bytes is not None
    assert 128 * MIB < trial.peak_memory_bytes < 512 * MIB
    assert trial.final_loss is not None
    assert len(trial.losses) >= 4
    assert trial.effective_dtypes is not None
    assert "float32" in trial.effective_dtypes.compute
    assert "float32" == trial.effective_dtypes.gradients
    assert trial.effective_dtypes.optimizer_state is None  # plain SGD keeps none


def test_the_race_runs_its_contenders_in_turns(ask: Ask) -> None:
    class Marking(Events):
        def phase(self, phase: Phase) -> None:
            with Path("trace").open("a", encoding="ascii") as file:
                file.write(f"{phase}\n")

    outcome = ask("is_traced", "64-true", progress=Marking(), budget=8.0)
    lines = Path("trace").read_text(encoding="ascii").splitlines()
    raced = lines[lines.index("race") + 1 : lines.index("verify")]
    turns = [dtype for dtype, _ in groupby(raced)]
    assert len(turns) >= 8
    assert {"torch.float32", "torch.float64"} == set(turns)
    rounds = turns[:8]
    assert rounds[:2] * 4 == rounds
    assert "32-true" == answer(outcome).precision


def test_only_the_candidates_that_were_asked_for_are_tried_beside_the_reference(ask: Ask) -> None:
    outcome = ask("good", "64-true", "64-true", "32-true")
    assert ("32-true", "64-true") == tuple(str(each) for each in outcome.study.candidates)
    assert {"32-true", "64-true"} == {str(trial.candidate) for trial in outcome.trials}


def test_what_this_hardware_cannot_do_is_recorded_with_its_reason(
    ask: Ask, question: Callable[..., object], ledger: Store
) -> None:
    del question, ledger
    outcome = ask("good", Candidate(precision="32-true", matmul_precision="high"))
    refused = outcome.trials[0]
    assert ("screen", "unsupported") == (refused.phase, refused.status)
    assert "TF32" in refused.reason
    assert refused.remedy


@pytest.mark.parametrize("budget", [0.001, 0.3, 1.0])
def test_a_tiny_budget_gives_an_honest_answer(ask: Ask, budget: float) -> None:
    outcome = ask("takes_a_second", "bf16-true", "64-true", budget=budget)
    assert "complete" == outcome.study.status
    assert {"32-true", "bf16-true", "64-true"} == {str(trial.candidate) for trial in outcome.trials}
    assert {"timeout"} == {trial.status for trial in outcome.trials}
    assert all("Not tried" in trial.reason for trial in outcome.trials if "32-true" != trial.candidate.precision)
    assert answer(outcome).precision is None
    assert any("larger budget" in reason for reason in answer(outcome).reasons)


def test_a_tiny_budget_for_a_fast_workload_still_answers_with_the_reference(ask: Ask) -> None:
    outcome = ask("dawdles_in_half", "bf16-true", "16-true", "bf16-mixed", "16-mixed", budget=1.5)
    assert answer(outcome).precision in {"32-true", None}


def test_slow_steps_leave_time_for_verification(ask: Ask) -> None:
    outcome = ask("takes_half_a_second", "bf16-true", "bf16-mixed", "64-true", "16-mixed", "16-true", budget=6.0)
    assert ("verify", "ok") == of(outcome.trials, "32-true")[-1]
    untried = [trial for trial in outcome.trials if "Not tried: the budget of 6 s" in trial.reason]
    assert untried
    assert "32-true" == answer(outcome).precision


def test_a_step_that_takes_minutes_is_not_waited_for(ask: Ask) -> None:
    outcome = ask("takes_minutes", "bf16-true", budget=4.0)
    assert [("sprint", "timeout")] == of(outcome.trials, "32-true")
    assert "Its first step did not end within 2.00 s" in outcome.trials[0].reason
    assert answer(outcome).precision is None


def test_a_candidate_that_was_disturbed_once_gets_a_second_chance(ask: Ask) -> None:
    outcome = ask("stumbles_once_in_fp64", "64-true", budget=16.0)
    assert [("sprint", "timeout"), ("sprint", "ok")] == of(outcome.trials, "64-true")[:2]


@pytest.mark.parametrize(("factory", "phase"), [("raises_in_the_race", "race"), ("raises_in_verification", "verify")])
def test_a_reference_that_fails_late_is_not_recommended(ask: Ask, factory: str, phase: str) -> None:
    outcome = ask(factory, "bf16-true", progress=Events())
    assert (phase, "error") == of(outcome.trials, "32-true")[-1]
    assert "verify" not in {trial.phase for trial in outcome.trials if "bf16-true" == trial.candidate.precision}
    assert answer(outcome).precision is None


def test_a_reference_that_becomes_nan_in_verification_is_not_recommended(ask: Ask) -> None:
    outcome = ask("is_nan_in_verification", "bf16-true", progress=Events())
    assert ("verify", "unstable") == of(outcome.trials, "32-true")[-1]
    assert answer(outcome).precision is None


def test_a_candidate_that_fails_in_the_race_leaves_it_to_the_others(ask: Ask) -> None:
    outcome = ask("raises_in_the_race_in_bf16", "bf16-true", progress=Events())
    assert [("sprint", "ok"), ("race", "error")] == of(outcome.trials, "bf16-true")
    assert "32-true" == answer(outcome).precision


def test_when_the_winner_fails_verification_the_next_best_has_a_race_of_its_own_and_is_verified(ask: Ask) -> None:
    outcome = ask("leaves_it_to_the_second_best", "bf16-true", "16-true", progress=Events(), budget=24.0)
    assert ("verify", "error") == of(outcome.trials, "bf16-true")[-1]
    assert [("sprint", "ok"), ("race", "ok"), ("verify", "ok")] == of(outcome.trials, "16-true")
    assert [("race", "ok"), ("race", "ok")] == [each for each in of(outcome.trials, "32-true") if each[0] == "race"]
    assert "16-true" == answer(outcome).precision


def test_a_candidate_that_hangs_in_verification_does_not_eat_the_budget(ask: Ask) -> None:
    outcome = ask("hangs_in_verification_in_bf16", "bf16-true", "16-true", progress=Events(), budget=16.0)
    assert ("verify", "timeout") == of(outcome.trials, "bf16-true")[-1]
    assert "verify" in {trial.phase for trial in outcome.trials if "16-true" == trial.candidate.precision}
    assert answer(outcome).precision in {"16-true", "32-true"}


def test_contenders_that_do_not_fit_beside_each_other_sleep_in_between(ask: Ask) -> None:
    events = Events()
    outcome = ask("is_heavy", "bf16-true", progress=events, budget=12.0, memory_limit_bytes=450 * MIB)
    assert events.count("trying 32-true", before="phase verify") > 1
    assert [("sprint", "ok"), ("race", "ok"), ("verify", "ok")] == of(outcome.trials, "32-true")
    assert ("race", "ok") in of(outcome.trials, "bf16-true")
    assert answer(outcome).precision in {"32-true", "bf16-true"}


def test_the_same_question_is_answered_from_the_store_without_a_step(ask: Ask) -> None:
    first = ask("is_traced", "64-true")
    steps = Path("trace").read_text(encoding="ascii")
    again = ask("is_traced", "64-true")
    assert (False, True) == (first.remembered, again.remembered)
    assert (first.study, first.trials) == (again.study, again.trials)
    assert steps == Path("trace").read_text(encoding="ascii")


def test_asking_afresh_measures_anew_and_keeps_what_was_measured(ask: Ask, ledger: Store) -> None:
    first = ask("good", "64-true", budget=3.0)
    fresh = ask("good", "64-true", budget=3.0, fresh=True)
    assert not fresh.remembered
    assert first.study.id != fresh.study.id
    assert list(first.trials) == list(ledger.trials(study_id=first.study.id))
    assert fresh.study.id == ask("good", "64-true", budget=3.0).study.id


def test_another_question_is_not_answered_from_the_store(ask: Ask) -> None:
    ask("good", "64-true", budget=3.0)
    assert not ask("good", budget=3.0).remembered
    assert not ask("good", "64-true", budget=3.0, seed=1).remembered


@pytest.mark.parametrize(
    "event",
    ["phase screen", "phase sprint", "finished bf16-true sprint", "phase race", "phase verify"],
)
def test_an_interrupted_study_keeps_what_it_has_and_goes_on_where_it_stopped(
    ask: Ask, ledger: Store, event: str
) -> None:
    interrupted = ask("segfaults_in_bf16", "bf16-true", "64-true", progress=Events(event), budget=8.0)
    assert interrupted.interrupted
    assert list(interrupted.trials) == list(ledger.trials(study_id=interrupted.study.id))
    assert ("32-true" if interrupted.trials else None) == answer(interrupted).precision

    events = Events()
    resumed = ask("segfaults_in_bf16", "bf16-true", "64-true", progress=events, budget=8.0)
    assert (interrupted.study.id, "complete") == (resumed.study.id, resumed.study.status)
    assert interrupted.trials == resumed.trials[: len(interrupted.trials)]
    assert 1 == len(of(resumed.trials, "bf16-true"))
    settled = bool(of(interrupted.trials, "bf16-true"))
    assert (0 if settled else 1) == events.count("trying bf16-true")
    assert "32-true" == answer(resumed).precision


def test_ctrl_c_in_the_middle_of_a_step_returns_the_best_answer_so_far(ask: Ask) -> None:
    outcome = ask("interrupts_in_bf16", "bf16-true")
    assert outcome.interrupted
    assert [("sprint", "ok")] == of(outcome.trials, "32-true")
    assert "32-true" == answer(outcome).precision


def test_ctrl_c_before_the_workload_is_known_has_nothing_to_return(ask: Ask, ledger: Store) -> None:
    events = Events()
    with pytest.raises(KeyboardInterrupt):
        ask("interrupts_at_load", "bf16-true", progress=events)
    assert "stop" == events.told[-1]
    assert [] == ledger.studies()


def test_a_store_that_fails_ends_the_study_and_lets_it_be_resumed(ask: Ask, ledger: Store) -> None:
    class DiskFullError(Exception):
        pass

    def full(_: Sequence[Trial]) -> int:
        raise DiskFullError

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ledger, "add_trials", full)
        with pytest.raises(DiskFullError):
            ask("good", "64-true")
    (study,) = ledger.studies()
    assert "running" == study.status
    assert study.id == ask("good", "64-true").study.id


def test_the_death_of_the_fork_server_is_not_blamed_on_a_candidate(ask: Ask, ledger: Store) -> None:
    with pytest.raises(ForkServerGoneError):
        ask("kills_the_server_in_bf16", "bf16-true")
    assert [("sprint", "ok")] == of(ledger.trials(), "32-true")
    assert [] == of(ledger.trials(), "bf16-true")
    assert "32-true" == answer(ask("good", budget=16.0)).precision


def test_a_study_whose_process_was_killed_leaves_nothing_behind_and_is_resumed(
    ask: Ask, tmp_path: Path, question: Callable[..., object]
) -> None:
    del question
    script = textwrap.dedent("""
        import json, os, signal, sys
        from autoprec_probe import Candidate, probe
        from autoprec_runner.isolation.forkserver import shared_forkserver
        from autoprec_runner.search.conduct import conduct
        from autoprec_runner.search.progress import Progress
        from autoprec_runner.search.question import Question
        from autoprec_runner.workload.factory import FactorySource
        from autoprec_service.policy import preference
        from autoprec_service.store import open_store

        class Killing(Progress):
            def finished(self, trial):
                if trial.candidate.precision == "bf16-true":
                    server = shared_forkserver()
                    print(json.dumps([server._process.pid, str(server.folder)]), flush=True)
                    os.kill(os.getpid(), signal.SIGKILL)

        question = Question(
            source=FactorySource(sys.argv[1]).to_json(),
            profile=probe(),
            device="cpu",
            candidates=tuple(Candidate(precision=each) for each in ("bf16-true", "64-true")),
            budget_seconds=16.0,
        )
        with open_store(sys.argv[2]) as store:
            conduct(question, store, preference, progress=Killing())
    """)
    reference = f"{Path(__file__).parents[2] / 'hostile' / 'support' / 'misbehaving.py'}:segfaults_in_bf16"
    ended = subprocess.run(
        [sys.executable, "-c", script, reference, str(tmp_path / "store.db")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert -signal.SIGKILL == ended.returncode, ended.stderr
    pid, folder = json.loads(ended.stdout)
    with contextlib.suppress(psutil.NoSuchProcess):
        psutil.Process(pid).wait(timeout=30)
    assert not Path(folder).exists()
    with open_store(tmp_path / "store.db") as store:
        (study,) = store.studies()
        assert "running" == study.status
        before = store.trials()

    events = Events()
    resumed = ask("segfaults_in_bf16", "bf16-true", "64-true", progress=events, budget=16.0)
    assert (study.id, "complete") == (resumed.study.id, resumed.study.status)
    assert before == list(resumed.trials[: len(before)])
    assert 0 == events.count("trying bf16-true")
    assert {"32-true": "ok", "bf16-true": "crashed", "64-true": "ok"} == {
        str(trial.candidate): trial.status for trial in resumed.trials
    }


def test_progress_is_told_that_a_candidate_is_being_tried(ask: Ask) -> None:
    events = Events()
    ask("good", "64-true", progress=events)
    counts = Counter(event for event in events.told if event.startswith("trying"))
    assert {"trying 32-true", "trying 64-true"} == set(counts)


def test_a_study_records_the_question(ask: Ask, ledger: Store) -> None:
    outcome = ask("good", "64-true", budget=3.0)
    stored = ledger.study(outcome.study.id)
    assert isinstance(stored, Study)
    assert (3.0, "train", "throughput", 0) == (stored.budget_seconds, stored.mode, stored.objective, stored.seed)
    assert stored.finished_at is not None
    assert os.getcwd() not in stored.workload  # noqa: PTH109 (a string)
