"""The third phase: contenders timed in interleaved rounds, until the best is clear or the time is up."""

import math
from collections.abc import Sequence
from contextlib import suppress

from autoprec_runner.search.bench import Bench
from autoprec_runner.search.budget import BudgetOverError
from autoprec_runner.search.contender import Contender
from autoprec_runner.search.largest import find_largest_batches
from autoprec_runner.search.sprint import MAX_STEPS, Pace, recording, set_up
from autoprec_runner.search.watch import Watch
from autoprec_runner.trial import Objective, StepTime
from autoprec_runner.trials.evidence import Evidence
from autoprec_runner.trials.measure import equal, separated, step_time, without_drift
from autoprec_runner.trials.session import TrialSession

WITHIN = 1.25
"""Who is within this factor of the best after the sprint races."""
MOST_CONTENDERS = 4
FEWEST_ROUNDS = 5
MOST_ROUNDS = 60
RACE_ENDS_AT, RACE_SHARE = 0.55, 0.4
"""The race is over at this share of the budget, or when it took this share of what was left of it, if that is later:
verification comes next."""
_ROUND_SECONDS, _LEAST_ROUND_SECONDS, _ROUND_STEPS = 0.25, 0.1, 16
"""Rounds are so long, or where steps are short so many steps, at least so long: a drift then hits a whole round."""
_COLD_STEPS = 1
_FEWEST_WARM_STEPS = 3
_SPLIT_STEPS = 5
"""Steps in which the parts of a step are timed, once a contender."""
_FEWEST_SPLIT_STEPS, _SPLIT_SHARE = 3, 0.03
"""So many steps it takes at least, which may cost this share of the budget."""

Rounds = Sequence[Sequence[float]]


def score(evidence: Evidence, objective: Objective) -> float:
    """Return what the objective minimises, from a session's evidence: seconds, bytes or their geometric mean."""
    seconds, memory = evidence.typical_seconds, evidence.peak_memory_bytes or math.inf
    match objective:
        case "memory":
            return memory
        case "balanced":
            return math.sqrt(seconds * memory)
        case "throughput" | "energy" | "time-to-loss":
            return seconds


def contenders(field: Sequence[Contender], objective: Objective) -> list[Contender]:
    """Return who races: the best few after the sprint, best first."""
    ranked = sorted(field, key=lambda each: score(each.session.evidence, objective))
    if not ranked:
        return []
    best = score(ranked[0].session.evidence, objective)
    return [each for each in ranked if score(each.session.evidence, objective) <= WITHIN * best][:MOST_CONTENDERS]


def race(bench: Bench, field: Sequence[Contender], pace: Pace) -> list[Contender]:
    """Run rounds A B C, A B C, … and record the trials; return who reached the end.

    Interleaving lets a drift of the machine hit all contenders alike. A contender that is clearly beaten stops early;
    its rounds stand. The race is over when only one is left, or when its share of the budget is.
    """
    crowded = bench.is_crowded(field)
    running = list(field)
    ends_at = bench.budget.elapsed + max(bench.budget.left_until(RACE_ENDS_AT), RACE_SHARE * bench.budget.remaining)
    watch = Watch(reader=bench.reader, device=bench.question.device, devices=bench.question.devices)
    for contender in field:
        contender.session.evidence.rounds = []
    for _ in range(MOST_ROUNDS):
        for contender in tuple(running):
            if not _round(bench, contender, pace, watch):
                running.remove(contender)
                field = [each for each in field if each is not contender]
            elif crowded:
                contender.session.close()
        watch.look(own_processes=bench.processes)
        running = _still_in_it(running, field)
        decided = len(running) < 2 and _rounds_run(field) >= FEWEST_ROUNDS  # noqa: PLR2004 (a race takes two)
        if decided or not running or bench.budget.elapsed > ends_at:
            break
    for contender, rounds in zip(field, without_drift([each.session.evidence.rounds for each in field]), strict=True):
        contender.session.evidence.rounds = rounds
    bench.recorder = bench.records().under(watch.conditions())
    if bench.question.batch_size == "max":
        with suppress(BudgetOverError):  # the race has been run, and its trials are to be kept
            find_largest_batches(bench, field, pace)
    for contender in field:
        bench.record(bench.records().measured(contender, "race"))
    return list(field)


def told_apart(one: Contender, other: Contender) -> bool:
    """Return whether a race of two has shown which is faster, or that they are equally fast."""
    ours, theirs = one.session.evidence.rounds, other.session.evidence.rounds
    return _is_settled(ours, theirs, step_time(ours), step_time(theirs))


def seconds_to_race(pace: Pace) -> float:
    """Return about how long the shortest race takes, with as many contenders as there may be and the reference."""
    return FEWEST_ROUNDS * (MOST_CONTENDERS + 1) * max(_round_seconds(pace.step_seconds), pace.step_seconds)


def awaken(bench: Bench, contender: Contender, pace: Pace) -> TrialSession:
    """Return the contender's session, started again if it had to make room; what it had been timed at stays."""
    before = contender.session.evidence
    if contender.session.closed:
        session = bench.start(contender.candidate)
        session.evidence.rounds = before.rounds
        session.evidence.parts, session.evidence.held = before.parts, before.held
        session.evidence.warmup = before.warmup
        session.evidence.peak_memory_bytes = before.peak_memory_bytes
        contender.session = session
        start_over(bench, session, before, pace)
        # Compiled once already, programs may come from a cache.
        session.evidence.compile_seconds = max(before.compile_seconds, session.evidence.compile_seconds)
    return contender.session


def start_over(bench: Bench, session: TrialSession, before: Evidence, pace: Pace) -> None:
    """Set up the session of a candidate that has run before, and make its first step."""
    set_up(bench, session, pace)
    limit = max(2 * (before.first_step_seconds or 0.0), pace.first_limit())
    session.observe(steps=1, max_seconds=0.0, timeout_seconds=bench.within(limit))
    session.settle(timeout_seconds=bench.within(limit))


def _round(bench: Bench, contender: Contender, pace: Pace, watch: Watch) -> bool:
    with recording(bench, contender, "race", pace) as went:
        session = awaken(bench, contender, pace)
        # Twice the limit of a sprint: a contender has shown its pace, only a hang is to be caught here.
        limit = 2 * (_ROUND_SECONDS + max(pace.limit(), session.evidence.first_step_seconds or 0.0))
        seconds = _round_seconds(session.evidence.typical_seconds)
        with watch.metering(contender):
            session.time_round(max_steps=MAX_STEPS, max_seconds=seconds, timeout_seconds=bench.within(limit))
        rounds = session.evidence.rounds
        if len(rounds[-1]) > _FEWEST_WARM_STEPS:
            # While the others ran, this one's data left the caches.
            rounds[-1] = rounds[-1][_COLD_STEPS:]
        if session.evidence.parts is None and _may_split(bench, contender):
            session.split(max_steps=_SPLIT_STEPS, max_seconds=_ROUND_SECONDS, timeout_seconds=bench.within(2 * limit))
    return went.well


def _round_seconds(step_seconds: float) -> float:
    return min(_ROUND_SECONDS, max(_LEAST_ROUND_SECONDS, _ROUND_STEPS * step_seconds))


def _may_split(bench: Bench, contender: Contender) -> bool:
    """Return whether the parts of a step can be timed: steps are short, and can be waited for in between.

    Under XLA, that would compile other programs.
    """
    cost = _FEWEST_SPLIT_STEPS * contender.session.evidence.typical_seconds
    return contender.candidate.strategy != "xla" and cost <= _SPLIT_SHARE * bench.question.budget_seconds


def _still_in_it(running: Sequence[Contender], field: Sequence[Contender]) -> list[Contender]:
    """Return the contenders of whom more rounds may tell something: neither clearly slower than the fastest, nor equal.

    Clearly: by the ratio within rounds, which a drift of the machine leaves alone, and by the intervals that go into
    the trials of the `field`, which the policy will compare; a drift that widens those is taken out.
    """
    if _rounds_run(running) < FEWEST_ROUNDS:
        return list(running)
    raw = {id(each): each.session.evidence.rounds for each in field}
    steady = dict(zip(raw, without_drift([*raw.values()]), strict=True))
    times = {name: step_time(rounds) for name, rounds in steady.items()}
    best = min(running, key=lambda each: times[id(each)].median_seconds)

    def is_settled(contender: Contender) -> bool:
        return _is_settled(raw[id(contender)], raw[id(best)], times[id(contender)], times[id(best)])

    return [each for each in running if each is best or not is_settled(each)]


def _is_settled(ours: Rounds, theirs: Rounds, time: StepTime, other: StepTime) -> bool:
    """Return whether two differ, by the ratio within rounds and by both intervals, or are known to be equal."""
    is_clear = time.low_seconds > other.high_seconds or other.low_seconds > time.high_seconds
    return equal(ours, theirs) or (is_clear and separated(ours, theirs))


def _rounds_run(field: Sequence[Contender]) -> int:
    return min((len(each.session.evidence.rounds) for each in field), default=0)
