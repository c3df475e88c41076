"""Conducting a study from its question to its trials."""

import os
import shutil
import sys
import uuid
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

from autoprec_probe import Reader
from autoprec_probe.candidate import Candidate
from autoprec_runner.doctor.before import findings_before
from autoprec_runner.doctor.examine import examine_trials
from autoprec_runner.doctor.finding import Finding
from autoprec_runner.errors import WorkloadError
from autoprec_runner.isolation.forkserver import ForkServer, shared_forkserver
from autoprec_runner.isolation.neighbours import busy_cores
from autoprec_runner.quantities import duration
from autoprec_runner.search.bench import Bench, Preference
from autoprec_runner.search.budget import Budget, BudgetOverError
from autoprec_runner.search.elsewhere import Elsewhere, Known
from autoprec_runner.search.ledger import Ledger
from autoprec_runner.search.libraries import preload_libraries
from autoprec_runner.search.phases import Phases, note_untried
from autoprec_runner.search.progress import Progress
from autoprec_runner.search.question import Question
from autoprec_runner.search.records import Recorder
from autoprec_runner.search.screen import default_candidates
from autoprec_runner.study import Study, StudyStatus
from autoprec_runner.trial import Trial
from autoprec_runner.trials.failure import TrialFailedError
from autoprec_runner.trials.prepared import Prepared
from autoprec_runner.trials.session import Setting, TrialSession

_LOADING_SHARE = 0.6
"""Share of the budget that loading the workload may take."""


UNKNOWN = "unknown"
"""The fingerprint that stands in for that of a model which died before it could be described."""


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What a study has found, whether it was measured now or found in the ledger."""

    study: Study
    trials: tuple[Trial, ...]
    prepared: Prepared
    remembered: bool
    """Whether all of it was measured before."""

    @property
    def interrupted(self) -> bool:
        """Whether the user ended the study early; what was measured until then stands."""
        return self.study.status == "interrupted"


def conduct(
    question: Question,
    ledger: Ledger,
    preference: Preference,
    *,
    progress: Progress | None = None,
    fresh: bool = False,
    reader: Reader | None = None,
    elsewhere: Elsewhere | None = None,
) -> Outcome:
    """Answer a question by trials, each stored as soon as it is finished.

    A study that has been completed before is answered from the ledger, unless `fresh`; one that was interrupted goes on
    where it stopped. Ctrl-C ends a study early and keeps what it has. `reader` tells of the machine while trials are
    timed; None for that of the real one. `elsewhere` is asked before the ledger what others know, unless `fresh`.

    Raises:
        WorkloadError: The user's model, batch, loss or factory does not make a step.
        TrialError: Child processes cannot be had here, or their server was killed; asking again goes on from there.
        KeyboardInterrupt: Ctrl-C came before the workload was loaded, so that there is nothing to keep.
    """
    with _bench(question, ledger, preference, progress or Progress()) as bench:
        bench.reader = reader or bench.reader
        return _Conductor(bench, fresh=fresh, elsewhere=elsewhere).conduct()


@contextmanager
def _bench(question: Question, ledger: Ledger, preference: Preference, progress: Progress) -> Iterator[Bench]:
    budget = Budget(question.budget_seconds)
    server = shared_forkserver()
    with ExitStack() as stack:
        folder = stack.enter_context(temporary_folder(server))
        stack.callback(progress.stop)
        progress.start(budget)
        bench = Bench(
            question=question,
            server=server,
            setting=setting_of(question, folder),
            budget=budget,
            ledger=ledger,
            preference=preference,
            progress=progress,
        )
        stack.callback(bench.close)
        yield bench


def setting_of(question: Question, folder: Path) -> Setting:
    """Return what all trials of a question have in common, with a temporary folder of theirs."""
    return Setting(
        source=question.source,
        mode=question.mode,
        device=question.device,
        seed=question.seed,
        sys_path=tuple(sys.path),
        folder=os.getcwd(),  # noqa: PTH109 (a string that crosses to the child)
        temporary=str(folder),
        devices=question.devices,
        has_accelerator=bool(question.profile.accelerators),
    )


def candidates_of(question: Question) -> tuple[Candidate, ...]:
    """Return what a question wants tried, the reference first."""
    if question.candidates is None:
        return default_candidates(question.profile, question.device, question.strategy, question.objective)
    return tuple(dict.fromkeys((question.reference, *question.candidates)))


@contextmanager
def temporary_folder(server: ForkServer) -> Iterator[Path]:
    """Make a folder in that of the server, which removes it if we are killed; else it goes at the end."""
    folder = server.folder / uuid.uuid4().hex
    try:
        folder.mkdir(mode=0o700, parents=True)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


class _Conductor:
    def __init__(self, bench: Bench, *, fresh: bool, elsewhere: Elsewhere | None) -> None:
        self._bench = bench
        self._elsewhere = elsewhere
        self._known = Known()
        self._busy_cores = 0.0
        self._question = bench.question
        self._fresh = fresh

    def conduct(self) -> Outcome:
        bench, candidates = self._bench, candidates_of(self._question)
        described = self._describe()
        self._known = self._known_elsewhere(described, candidates)
        if self._known.study is not None:
            trials = self._known.trials
            return Outcome(study=self._known.study, trials=trials, prepared=described.prepared, remembered=True)
        study, prior = self._find(described.prepared, candidates)
        if study.status == "complete":
            return Outcome(study=study, trials=tuple(prior), prepared=described.prepared, remembered=True)
        described = self._with_libraries(described, trials=len(candidates))
        bench.recorder = Recorder(
            study_id=study.id,
            prepared=described.prepared,
            profile=self._question.profile,
            device=self._question.device,
            surroundings={"busy_cores": self._busy_cores, **bench.server.waiting},
        )
        findings = self._examined(described.prepared, candidates)
        study = study.model_copy(update={"status": "running", "finished_at": None, "findings": findings})
        bench.ledger.save_study(study)
        status = self._run(described, candidates, prior)
        trials = tuple(bench.ledger.trials(study_id=study.id))
        findings += examine_trials(trials, described.prepared.traits)
        study = study.model_copy(update={"status": status, "finished_at": datetime.now(UTC), "findings": findings})
        bench.ledger.save_study(study)
        return Outcome(study=study, trials=trials, prepared=described.prepared, remembered=False)

    def _describe(self) -> "_Described":
        """Set the reference up, whose child tells what the workload is."""
        bench = self._bench
        if not bench.server.is_ready_within(bench.budget.left_until(_LOADING_SHARE)):
            return _Described(session=None, prepared=_unknown(self._question))
        self._busy_cores = busy_cores()
        return self._set_up_reference()

    def _set_up_reference(self) -> "_Described":
        bench, unknown = self._bench, _unknown(self._question)
        seconds = bench.budget.left_until(_LOADING_SHARE)
        if not seconds:
            return _Described(session=None, prepared=unknown)
        session = bench.start(self._question.reference)
        try:
            return _Described(session=session, prepared=session.prepare(timeout_seconds=seconds))
        except TrialFailedError as failure:
            if failure.kind == "workload":
                raise WorkloadError(str(failure)) from failure
            if failure.status == "timeout":
                failure = TrialFailedError("timeout", f"Loading the workload did not end within {duration(seconds)}.")
            return _Described(session=session, prepared=unknown, failure=failure)

    def _with_libraries(self, described: "_Described", *, trials: int) -> "_Described":
        """Return the same with the reference set up anew, if the server has imported the workload's libraries."""
        session, prepared = described.session, described.prepared
        if session is None or described.failure or not preload_libraries(self._bench, session, prepared, trials=trials):
            return described
        session.close()
        return replace(self._set_up_reference(), prepared=prepared)

    def _known_elsewhere(self, described: "_Described", candidates: Sequence[Candidate]) -> Known:
        """Return what others know of a workload that could be described."""
        unknown = described.session is None or described.failure is not None
        if self._elsewhere is None or unknown or self._fresh:
            return Known()
        return self._elsewhere(self._question, described.prepared, candidates)

    def _examined(self, prepared: Prepared, candidates: Sequence[Candidate]) -> tuple[Finding, ...]:
        """Return what can be told before any trial, and tell it."""
        findings = findings_before(self._question, prepared, candidates)
        for each in findings:
            self._bench.progress.found(each)
        return findings

    def _find(self, prepared: Prepared, candidates: tuple[Candidate, ...]) -> tuple[Study, list[Trial]]:
        """Return the newest study of this question with its trials, or a new one where that is due."""
        question, ledger = self._question, self._bench.ledger
        identity = question.identity(prepared, candidates)
        newest: Study | None = None
        for attempt in count(1):
            found = ledger.study(f"{identity}-{attempt}")
            if found is None:
                break
            newest = found
        if newest is not None and not self._fresh:
            return newest, list(ledger.trials(study_id=newest.id))
        return (
            Study(
                id=f"{identity}-{attempt}",
                model_fingerprint=prepared.fingerprint,
                workload_key=prepared.workload_key,
                workload=prepared.description,
                hardware_key=question.profile.key_for(question.device),
                hardware=question.profile,
                mode=prepared.mode,
                objective=question.objective,
                constraints=question.constraints,
                strategy=question.strategy,
                candidates=candidates,
                budget_seconds=question.budget_seconds,
                seed=question.seed,
                status="running",
                started_at=datetime.now(UTC),
            ),
            [],
        )

    def _run(self, described: "_Described", candidates: Sequence[Candidate], prior: Sequence[Trial]) -> StudyStatus:
        try:
            self._run_in_time(described, candidates, prior)
            note_untried(self._bench, candidates)
        except KeyboardInterrupt:
            return "interrupted"
        return "complete"

    def _run_in_time(self, described: "_Described", candidates: Sequence[Candidate], prior: Sequence[Trial]) -> None:
        if described.session is not None:
            with suppress(BudgetOverError):
                ordered = self._known.in_order(candidates)
                Phases(self._bench, described.session, described.failure).run(ordered, prior)


@dataclass(frozen=True, kw_only=True)
class _Described:
    """What the reference's child said of the workload, and how that failed if it did."""

    session: TrialSession | None
    """None if the time was over before it could be started."""
    prepared: Prepared
    failure: TrialFailedError | None = None


def _unknown(question: Question) -> Prepared:
    """Return what stands in for a workload that died before it could be described; it is never taken for another."""
    return Prepared(
        mode=question.mode or "train",
        fingerprint=UNKNOWN,
        workload_key=f"unknown-{uuid.uuid4().hex[:12]}",
        name="unknown",
        description="a workload that could not be set up",
        assumptions=(),
        batch_size=None,
        tokens_per_batch=None,
        parameters=0,
        threads=0,
        torch="",
    )
