"""The last phase: the best candidate must follow the fp32 reference; if it does not, the next best is tried."""

from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from functools import partial
from itertools import takewhile

from autoprec_probe.candidate import Candidate
from autoprec_runner.search.bench import Bench
from autoprec_runner.search.contender import Contender
from autoprec_runner.search.diagnose import first_bad_module
from autoprec_runner.search.judges import enough_is_left, judge_for
from autoprec_runner.search.keep import kept_variant
from autoprec_runner.search.race import MOST_CONTENDERS, contenders, race, start_over, told_apart
from autoprec_runner.search.resolution import DOUBLE
from autoprec_runner.search.sprint import Pace, recording, sprint
from autoprec_runner.trial import Stability
from autoprec_runner.trials.failure import TrialFailedError
from autoprec_runner.trials.stability import unstable_already


def verify(bench: Bench, field: Sequence[Contender], reference: Contender, pace: Pace) -> None:
    """Judge contenders in the order of preference until the best is stable; every verdict is recorded.

    Those that raced come first. A race ends when the fastest is clear; once that one has failed, those left race again
    beside the reference if nobody knows which of them is faster. One that fails in a few modules comes again with those
    kept in fp32, in the place that its speed then gives it. The reference is judged before all others, since without it
    there is nothing to compare with. Emulations come last: their verdict is all that they are tried for.

    Raises:
        BudgetOverError: The study's time ended first.
    """
    by_candidate = {each.candidate: each for each in field}
    stable: set[Candidate] = set()
    judge = judge_for(bench, reference, pace, _best(bench, by_candidate, reference))
    if not _passes(bench, reference, judge.reference, pace):
        return
    had_second_race = somebody_failed = False
    while True:
        contender = _best(bench, by_candidate, reference, stable)
        left = [each for each in by_candidate.values() if _may_replace(each, reference)]
        is_open = somebody_failed and not stable and _is_undecided(bench, left, reference)
        if (is_open or _is_unraced(bench, contender)) and not had_second_race and _may_race(bench, pace):
            had_second_race = True
            for each in _failing_a_race(bench, left, reference, pace):
                del by_candidate[each.candidate]
            continue
        if contender is None:
            break
        del by_candidate[contender.candidate]
        if _passes(bench, contender, partial(judge.contender, contender), pace):
            stable.add(contender.candidate)
            continue
        somebody_failed = True
        variant = kept_variant(bench, contender, pace)
        if variant and sprint(bench, variant, pace):
            by_candidate[variant.candidate] = variant
    for contender in field:
        if contender.candidate.emulate:
            _passes(bench, contender, partial(judge.contender, contender), pace)


def _may_replace(contender: Contender, reference: Contender) -> bool:
    """Return whether a contender may be recommended in the reference's place if it is faster."""
    candidate = contender.candidate
    return contender is not reference and not candidate.emulate and candidate.precision != DOUBLE


def _is_unraced(bench: Bench, contender: Contender | None) -> bool:
    """Return whether the next to be judged has run no race yet: times of a sprint and of a race do not compare."""
    return contender is not None and not _has_raced(bench, contender.candidate)


def _is_undecided(bench: Bench, field: Iterable[Contender], reference: Contender) -> bool:
    """Return whether nobody knows if one of those left, which is about as fast as the reference, is faster."""
    near = _near(bench, field, reference)
    raced = [each for each in near if _has_raced(bench, each.candidate)]
    return len(raced) < len(near) or not all(each.candidate.keep_fp32 or told_apart(each, reference) for each in raced)


def _near(bench: Bench, field: Iterable[Contender], reference: Contender) -> list[Contender]:
    """Return who is about as fast as the best of a field and the reference, as far as sprints and races can tell."""
    return [each for each in contenders([*field, reference], bench.question.objective) if each is not reference]


def _may_race(bench: Bench, pace: Pace) -> bool:
    """Return whether there is time for another race, and the question goes by the time of a step."""
    question = bench.question
    if question.batch_size or question.objective == "memory":
        return False
    return enough_is_left(bench, pace, after=2 * pace.prepare_seconds)


def _has_raced(bench: Bench, candidate: Candidate) -> bool:
    """Return whether a candidate's time was taken in a race since its sprint, or has to do because it came after it.

    A race before the sprint was that of an attempt that was interrupted.
    """
    phases = [each.phase for each in reversed(bench.trials) if each.candidate == candidate]
    return bool(candidate.keep_fp32) or "race" in takewhile(lambda phase: phase != "sprint", phases)


def _failing_a_race(bench: Bench, field: Sequence[Contender], reference: Contender, pace: Pace) -> list[Contender]:
    """Race a field against the reference, whose own session stays as it is; return who failed in it.

    Who raced before is among them: that race would not compare with this one. So are the best of the others.
    """
    raced = [each for each in field if _has_raced(bench, each.candidate)]
    late = [each for each in _near(bench, field, reference) or field if each not in raced]
    racing = [*raced, *late][:MOST_CONTENDERS]
    twin = Contender(support=reference.support, session=bench.start(reference.candidate))
    with twin.session as session:
        try:
            start_over(bench, session, reference.session.evidence, pace)
        except TrialFailedError as failure:  # it ran before: nothing is told by that
            bench.raise_if_over(failure)
            return []
        ran = race(bench, [*racing, twin], pace)
    return [each for each in racing if each not in ran]


def _best(
    bench: Bench,
    field: Mapping[Candidate, Contender],
    reference: Contender,
    stable: Container[Candidate] = (),
) -> Contender | None:
    """Return who would be recommended if it proved stable; None if that is the reference, or has proved stable.

    Who has raced comes first. A verdict may change the order: under `time-to-loss` it tells how fast one learns.
    """
    order = bench.preference(bench.trials, bench.question.objective, bench.question.constraints)
    preferred = [candidate for candidate in order if candidate in field or candidate in stable]
    raced = [each for each in preferred if _has_raced(bench, each)]
    best = next(iter(raced or preferred), None)
    if best is not None and field.get(best) is reference:
        best = preferred[0]
    return None if best is None or best in stable or field[best] is reference else field[best]


def verify_alone(bench: Bench, contender: Contender, pace: Pace) -> None:
    """Judge a candidate beyond fp32, where fp32 itself is unstable.

    Raises:
        BudgetOverError: The study's time ended first.
    """
    _passes(bench, contender, judge_for(bench, contender, pace).reference, pace)


def _passes(bench: Bench, contender: Contender, judge: Callable[[], Stability], pace: Pace) -> bool:
    bench.progress.trying(contender.candidate)
    with recording(bench, contender, "verify", pace) as went:
        stability = judge()
    if not went.well:
        return False
    if stability.first_nonfinite_step is not None:
        first_bad_module(bench, contender.session)
        compared = None if contender is pace.reference else pace.reference_evidence
        stability = unstable_already(contender.session.evidence, compared) or stability
    contender.session.close()
    bench.record(bench.records().measured(contender, "verify", stability))
    return stability.verdict == "stable"
