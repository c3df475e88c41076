"""The phases of one study in their order: screen, sprint, race, verify."""

from collections.abc import Iterable, Sequence

from autoprec_probe.candidate import Candidate
from autoprec_probe.support import Support
from autoprec_runner.search.bench import Bench
from autoprec_runner.search.contender import Contender
from autoprec_runner.search.judges import enough_is_left
from autoprec_runner.search.keep import kept_variant, variants_of
from autoprec_runner.search.race import contenders, race
from autoprec_runner.search.resolution import DOUBLE, beyond_fp32
from autoprec_runner.search.screen import Unfit, judged, unfit
from autoprec_runner.search.sprint import Pace, recording, sprint, sprint_prepared
from autoprec_runner.search.verify import verify, verify_alone
from autoprec_runner.trial import Trial
from autoprec_runner.trials.failure import TrialFailedError
from autoprec_runner.trials.session import TrialSession

SPRINT_ENDS_AT = 0.5
"""Share of the budget after which no candidate is begun unless race and verification are short: they come next."""
_NO_REFERENCE = "the fp32 reference failed, so that nothing could be compared with it"


class Phases:
    """Takes candidates from the first to the last phase; whatever ends them early leaves a trial behind."""

    def __init__(self, bench: Bench, session: TrialSession, loading_failure: TrialFailedError | None) -> None:
        self._bench = bench
        question = bench.question
        self._pace = Pace(objective=question.objective, budget_seconds=question.budget_seconds, device=question.device)
        self._session = session
        self._loading_failure = loading_failure

    def run(self, candidates: Sequence[Candidate], prior: Sequence[Trial]) -> None:
        """Run what an earlier attempt has not settled already.

        Raises:
            BudgetOverError: The study's time ended first.
        """
        bench, pace = self._bench, self._pace
        bench.trials.extend(prior)
        bench.progress.phase("screen")
        wanted = (*candidates, *variants_of(candidates, prior))
        runnable = self._screen([each for each in wanted if not settled(each, prior)])
        bench.progress.phase("sprint")
        reference = self._reference()
        if reference is None and bench.trials[-1].status != "oom":
            self._beyond_fp32(runnable)
            note_untried(bench, candidates, _NO_REFERENCE)
            return
        field, others = self._sprint(runnable, reference)
        if reference and self._left_to_fp64(reference, [*field, *others]):
            note_untried(bench, candidates, _NO_REFERENCE)
            return
        if bench.question.compile:
            field, slower = self._compiled(field, reference)
            others = [*others, *slower]
        bench.progress.phase("race")
        field = race(bench, field, pace)
        if reference in field:
            bench.progress.phase("verify")
            verify(bench, [*field, *others], reference, pace)

    def _screen(self, candidates: Iterable[Candidate]) -> list[Support]:
        bench, question = self._bench, self._bench.question
        runnable = []
        for support in (judged(each, question.profile, question.device) for each in candidates):
            refusal = self._refusal(support)
            if refusal is None:
                runnable.append(support)
            else:
                bench.record(
                    bench.records().refused(
                        support,
                        status="unsupported",
                        reason=refusal.reason,
                        remedy=refusal.remedy,
                    ),
                )
        return runnable

    def _refusal(self, support: Support) -> Support | Unfit | None:
        """Return why a candidate is not tried: it cannot run, or makes no sense here and nobody asked for it."""
        if not support.can_run:
            return support
        asked_for = self._bench.question.candidates is not None
        return None if asked_for else unfit(support.candidate, self._bench.records().prepared)

    def _reference(self) -> Contender | None:
        question, bench, pace = self._bench.question, self._bench, self._pace
        support = judged(question.reference, question.profile, question.device)
        contender = Contender(support=support, session=self._session)
        if self._loading_failure:
            with recording(bench, contender, "sprint", pace):
                raise self._loading_failure
        elif sprint_prepared(bench, contender, pace):
            pace.follow(contender)
            return contender
        return None

    def _sprint(
        self, runnable: Iterable[Support], reference: Contender | None
    ) -> tuple[list[Contender], list[Contender]]:
        """Return who races, and who ran well and does not: it was too slow, or emulates."""
        bench, pace = self._bench, self._pace
        field, others = [reference] if reference else [], []
        for support in runnable:
            if support.candidate == bench.question.reference:
                continue
            if not self._may_begin():
                break
            contender = Contender(support=support, session=bench.start(support.candidate))
            if support.candidate.emulate:
                others += [contender] if sprint(bench, contender, pace) else []
            elif fit := self._fit(contender):
                field, slower = self._keep([*field, fit], reference)
                others += slower
        return field, others

    def _may_begin(self) -> bool:
        """Return whether there is time for a candidate that takes as long as the longest so far, and for the rest."""
        bench, pace = self._bench, self._pace
        if bench.budget.left_until(SPRINT_ENDS_AT):
            return True
        if pace.reference is None:
            return False
        longest = max((each.wall_seconds for each in bench.trials if each.phase == "sprint"), default=0.0)
        return enough_is_left(bench, pace, after=longest)

    def _compiled(
        self, field: Sequence[Contender], reference: Contender | None
    ) -> tuple[list[Contender], list[Contender]]:
        """Sprint those who survived a second time, compiled; return again who races and who does not."""
        bench, question = self._bench, self._bench.question
        present, others = list(field), list[Contender]()
        plain = [each.candidate for each in field if not each.candidate.compile]
        for candidate in (each.model_copy(update={"compile": True}) for each in plain):
            if candidate in (question.candidates or ()) or settled(candidate, bench.trials):
                continue
            support = judged(candidate, question.profile, question.device)
            if not self._may_start(support):
                continue
            contender = Contender(support=support, session=bench.start(candidate))
            if sprint(bench, contender, self._pace):
                present, slower = self._keep([*present, contender], reference)
                others += slower
        return present, others

    def _may_start(self, support: Support) -> bool:
        """Return whether a compiled candidate can run and there is time for it; a trial says so if not."""
        bench = self._bench
        if not support.can_run:
            bench.record(
                bench.records().refused(support, status="unsupported", reason=support.reason, remedy=support.remedy),
            )
        elif not self._may_begin():
            reason = f"Not tried: too little of the budget of {bench.question.budget_seconds:g} s was left to compile."
            remedy = "Give the study a larger budget."
            bench.record(bench.records().refused(support, status="timeout", reason=reason, remedy=remedy))
        else:
            return True
        return False

    def _fit(self, contender: Contender) -> Contender | None:
        """Return the contender, or a variant of it that keeps some modules in fp32, if it runs well."""
        bench, pace = self._bench, self._pace
        if sprint(bench, contender, pace) or self._second_chance(contender):
            return contender
        while self._may_begin():
            variant = kept_variant(bench, contender, pace)
            if variant is None or sprint(bench, variant, pace):
                return variant
            contender = variant
        return None

    def _second_chance(self, contender: Contender) -> bool:
        """Sprint again if a candidate that the hardware supports natively was cut off, while there is time.

        A busy neighbour may have cost it: on two cores, it can make each parallel region wait for many milliseconds.
        """
        bench = self._bench
        if contender.support.level != "native" or bench.trials[-1].status != "timeout":
            return False
        if not self._may_begin():
            return False
        contender.session = bench.start(contender.candidate)
        return sprint(bench, contender, self._pace)

    def _keep(
        self,
        field: Sequence[Contender],
        reference: Contender | None,
    ) -> tuple[list[Contender], list[Contender]]:
        """Part who may still win, and the reference, from the others, whose children end; all do if memory is short."""
        best = contenders(field, self._bench.question.objective)
        kept = [each for each in field if each in best or each is reference]
        crowded = self._bench.is_crowded(kept)
        for each in field:
            if crowded or each not in kept:
                each.session.close()
        return kept, [each for each in field if each not in kept]

    def _left_to_fp64(self, reference: Contender, others: Iterable[Contender]) -> bool:
        """Verify fp64 alone where fp32 runs and cannot resolve the loss; return whether that is so."""
        bench = self._bench
        found = beyond_fp32(reference, others)
        if found is None:
            return False
        double, verdict = found
        bench.record(bench.records().unstable(reference, "sprint", verdict))
        bench.progress.phase("verify")
        verify_alone(bench, double, self._pace)
        return True

    def _beyond_fp32(self, runnable: Iterable[Support]) -> None:
        """Try fp64 where fp32 runs and is unstable: some models need it."""
        bench, pace = self._bench, self._pace
        if bench.trials[-1].status != "unstable":
            return
        for support in runnable:
            if support.candidate.precision == DOUBLE:
                contender = Contender(support=support, session=bench.start(support.candidate))
                if sprint(bench, contender, pace):
                    bench.progress.phase("verify")
                    verify_alone(bench, contender, pace)


def settled(candidate: Candidate, prior: Sequence[Trial]) -> bool:
    """Return whether an interrupted study has already found that a candidate does not qualify."""
    own = [trial for trial in prior if trial.candidate == candidate and not _is_untried(trial)]
    return bool(own) and own[-1].status != "ok"


def note_untried(bench: Bench, candidates: Sequence[Candidate], why: str | None = None) -> None:
    """Record every candidate that had no trial: nothing is skipped in silence. `why` is None for the budget's end."""
    question = bench.question
    tried = {trial.candidate for trial in bench.trials}
    for candidate in candidates:
        if candidate not in tried:
            reason = f"Not tried: {why or f'the budget of {question.budget_seconds:g} s ended before its turn'}."
            remedy = None if why else "Give the study a larger budget."
            support = judged(candidate, question.profile, question.device)
            bench.record(bench.records().refused(support, status="timeout", reason=reason, remedy=remedy))


def _is_untried(trial: Trial) -> bool:
    return trial.phase == "screen" and trial.status == "timeout"
