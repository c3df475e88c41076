"""Conducting a study from its question to its trials."""

import os
import shutil
import sys
import tempfile
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

from autoprec_probe.candidate import Candidate
from autoprec_probe.support import Support
from autoprec_runner.errors import WorkloadError
from autoprec_runner.isolation.forkserver import shared_forkserver
from autoprec_runner.search.bench import Bench, Preference
from autoprec_runner.search.budget import Budget, BudgetOverError
from autoprec_runner.search.contender import Contender
from autoprec_runner.search.ledger import Ledger
from autoprec_runner.search.progress import Progress
from autoprec_runner.search.question import Question
from autoprec_runner.search.race import contenders, race
from autoprec_runner.search.records import Recorder
from autoprec_runner.search.screen import default_candidates, judged
from autoprec_runner.search.sprint import Pace, recording, sprint, sprint_prepared
from autoprec_runner.search.verify import verify
from autoprec_runner.study import Study, StudyStatus
from autoprec_runner.trial import Trial
from autoprec_runner.trials.failure import TrialFailedError
from autoprec_runner.trials.session import Prepared, Setting, TrialSession

_LOADING_SHARE = 0.6
"""Share of the budget that loading the workload may take."""


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
) -> Outcome:
    """Answer a question by trials, each stored as soon as it is finished.

    A study that has been completed before is answered from the ledger, unless `fresh`; one that was interrupted goes on
    where it stopped. Ctrl-C ends a study early and keeps what it has.

    Raises:
        WorkloadError: The user's model, batch, loss or factory does not make a step.
        TrialError: Child processes cannot be had here.
    """
    with _bench(question, ledger, preference, progress or Progress()) as bench:
        return _Conductor(bench, fresh=fresh).conduct()


@contextmanager
def _bench(question: Question, ledger: Ledger, preference: Preference, progress: Progress) -> Iterator[Bench]:
    budget = Budget(question.budget_seconds)
    temporary = tempfile.mkdtemp(prefix="autoprec-")
    bench = Bench(
        question=question,
        server=shared_forkserver(),
        setting=Setting(
            source=question.source,
            mode=question.mode,
            device=question.device,
            seed=question.seed,
            sys_path=tuple(sys.path),
            folder=os.getcwd(),  # noqa: PTH109 (a string that crosses to the child)
            temporary=str(Path(temporary) / "trials"),
        ),
        budget=budget,
        ledger=ledger,
        preference=preference,
        progress=progress,
    )
    progress.start(budget)
    try:
        yield bench
    finally:
        bench.close()
        shutil.rmtree(temporary, ignore_errors=True)
        progress.stop()


class _Conductor:
    def __init__(self, bench: Bench, *, fresh: bool) -> None:
        self._bench = bench
        self._question = bench.question
        self._fresh = fresh
        self._pace = Pace(objective=bench.question.objective)
        self._loading_failure: TrialFailedError | None = None

    def conduct(self) -> Outcome:
        session, prepared = self._describe()
        candidates = self._candidates()
        study, prior = self._find(prepared, candidates)
        if study.status == "complete":
            return Outcome(study=study, trials=tuple(prior), prepared=prepared, remembered=True)
        bench = self._bench
        bench.recorder = Recorder(
            study_id=study.id,
            prepared=prepared,
            profile=self._question.profile,
            device=self._question.device,
        )
        bench.ledger.save_study(study)
        status = self._run(session, candidates, prior)
        study = study.model_copy(update={"status": status, "finished_at": datetime.now(UTC)})
        bench.ledger.save_study(study)
        trials = tuple(bench.ledger.trials(study_id=study.id))
        return Outcome(study=study, trials=trials, prepared=prepared, remembered=False)

    def _describe(self) -> tuple[TrialSession, Prepared]:
        """Set the reference up, whose child tells what the workload is."""
        bench = self._bench
        session = bench.start(self._question.reference)
        try:
            return session, session.prepare(timeout_seconds=_LOADING_SHARE * bench.budget.seconds)
        except TrialFailedError as failure:
            if failure.kind == "workload":
                raise WorkloadError(str(failure)) from failure
            self._loading_failure = failure
            return session, _unknown(self._question)

    def _candidates(self) -> tuple[Candidate, ...]:
        question = self._question
        if question.candidates is None:
            return default_candidates(question.profile, question.device, question.strategy)
        return (question.reference, *(each for each in question.candidates if each != question.reference))

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

    def _run(self, session: TrialSession, candidates: Sequence[Candidate], prior: Sequence[Trial]) -> StudyStatus:
        try:
            self._phases(session, candidates, prior)
        except BudgetOverError:
            self._note_untried(candidates)
        except KeyboardInterrupt:
            return "interrupted"
        return "complete"

    def _phases(self, session: TrialSession, candidates: Sequence[Candidate], prior: Sequence[Trial]) -> None:
        bench, pace = self._bench, self._pace
        bench.trials.extend(prior)
        bench.progress.phase("screen")
        runnable = self._screen([each for each in candidates if not _settled(each, prior)])
        bench.progress.phase("sprint")
        reference = self._reference(session)
        if reference is None and bench.trials[-1].status != "oom":
            self._note_untried(candidates, "the fp32 reference failed, so that nothing could be compared with it")
            return
        field = [reference] if reference else []
        for support in runnable:
            if support.candidate == self._question.reference:
                continue
            contender = Contender(support=support, session=bench.start(support.candidate))
            if sprint(bench, contender, pace) or self._second_chance(contender):
                field = self._keep([*field, contender], reference)
        bench.progress.phase("race")
        field = race(bench, field, pace)
        if reference:
            bench.progress.phase("verify")
            verify(bench, field, reference, pace)

    def _screen(self, candidates: Sequence[Candidate]) -> list[Support]:
        bench, question = self._bench, self._question
        verdicts = [judged(each, question.profile, question.device) for each in candidates]
        for support in verdicts:
            if not support.can_run:
                refused = bench.records().refused(
                    support,
                    status="unsupported",
                    reason=support.reason,
                    remedy=support.remedy,
                )
                bench.record(refused)
        return [support for support in verdicts if support.can_run]

    def _reference(self, session: TrialSession) -> Contender | None:
        question, bench, pace = self._question, self._bench, self._pace
        support = judged(question.reference, question.profile, question.device)
        contender = Contender(support=support, session=session)
        if self._loading_failure:
            with recording(bench, contender, "sprint", pace):
                raise self._loading_failure
        elif sprint_prepared(bench, contender, pace):
            pace.reference = session
            return contender
        return None

    def _second_chance(self, contender: Contender) -> bool:
        """Sprint again if a candidate that the hardware supports natively was cut off: a busy neighbour may have cost it.

        On two cores, one busy process can make a parallel region wait for many milliseconds.
        """
        if contender.support.level != "native" or self._bench.trials[-1].status != "timeout":
            return False
        contender.session = self._bench.start(contender.candidate)
        return sprint(self._bench, contender, self._pace)

    def _keep(self, field: Sequence[Contender], reference: Contender | None) -> list[Contender]:
        """Keep who may still win, and the reference; end the children of the others, and of all if memory is short."""
        best = contenders(field, self._question.objective)
        kept = [each for each in field if each in best or each is reference]
        crowded = self._bench.is_crowded(kept)
        for each in field:
            if crowded or each not in kept:
                each.session.close()
        return kept

    def _note_untried(self, candidates: Sequence[Candidate], why: str | None = None) -> None:
        """Record every candidate that had no trial: nothing is skipped in silence."""
        bench, question = self._bench, self._question
        over = f"the budget of {question.budget_seconds:g} s ended before its turn"
        why = why or over
        tried = {trial.candidate for trial in bench.trials}
        for candidate in candidates:
            if candidate not in tried:
                support = judged(candidate, question.profile, question.device)
                remedy = "Give the study a larger budget." if why is over else None
                bench.record(
                    bench.records().refused(support, status="timeout", reason=f"Not tried: {why}.", remedy=remedy),
                )


def _settled(candidate: Candidate, prior: Sequence[Trial]) -> bool:
    """Return whether an interrupted study has already found that a candidate does not qualify."""
    return any(trial.candidate == candidate and trial.status != "ok" for trial in prior)


def _unknown(question: Question) -> Prepared:
    """Return what stands in for a workload that died before it could be described; it is never taken for another."""
    return Prepared(
        mode=question.mode or "train",
        fingerprint="unknown",
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
