"""Trying a candidate again with the modules in which it failed kept in fp32."""

from collections.abc import Sequence

from autoprec_probe.candidate import KEEPING, Candidate
from autoprec_runner.search.bench import Bench
from autoprec_runner.search.contender import Contender
from autoprec_runner.search.diagnose import modules_that_lose_precision
from autoprec_runner.search.screen import judged
from autoprec_runner.search.sprint import HOPELESS, Pace
from autoprec_runner.trial import Trial
from autoprec_runner.trials.evidence import Evidence
from autoprec_runner.trials.stability import FP16_MAX

MOST_KEPT = 8
"""A candidate that fails in more modules than this fails as a whole."""
_MOST_ATTEMPTS = 3


def kept_variant(bench: Bench, contender: Contender, pace: Pace) -> Contender | None:
    """Return the same candidate with the culprits of its failure kept in fp32, started; None where nothing helps.

    Its own failure may name more modules: overflow in one hides that in the next. That is followed up a few times.
    Where only losses or outputs went astray, the modules that lose precision are the culprits. One that nobody asked
    for and that is far too slow is not helped by it.
    """
    candidate = contender.candidate
    failed = bench.trials[-1].candidate == candidate and bench.trials[-1].status == "unstable"
    if not failed or candidate.compile or candidate.precision not in KEEPING or candidate.strategy != "single":
        return None
    if len({name.rpartition(".")[0] for name in contender.session.evidence.nonfinite_parameters}) > MOST_KEPT:
        return None
    if _attempts(bench, candidate.precision) >= _MOST_ATTEMPTS or not _is_promising(bench, contender, pace):
        return None
    names = culprits(contender.session.evidence, pace.reference_evidence)
    if not names and bench.trials[-1].phase == "verify":
        names = modules_that_lose_precision(bench, candidate, bench.question.reference)
    kept = tuple(dict.fromkeys((*candidate.keep_fp32, *names)))
    if len(kept) > MOST_KEPT or kept == candidate.keep_fp32:
        return None
    variant = candidate.model_copy(update={"keep_fp32": kept})
    support = judged(variant, bench.question.profile, bench.question.device)
    return Contender(support=support, session=bench.start(variant))


def culprits(evidence: Evidence, reference: Evidence | None) -> tuple[str, ...]:
    """Return the innermost modules where numbers went bad: those whose fp32 output fits into no fp16, else the first.

    Everything that runs after an overflow is not finite either, and is no culprit for that.
    """
    bad = evidence.activations.nonfinite
    innermost = [name for name in bad if not any(other.startswith(f"{name}.") for other in bad)]
    largest = reference.activations.largest if reference else {}
    overflowing = [name for name in innermost if largest.get(name, 0.0) > FP16_MAX]
    return tuple(overflowing or innermost[:1])


def _is_promising(bench: Bench, contender: Contender, pace: Pace) -> bool:
    """Return whether a candidate was asked for, or comes near the best in speed, or takes part for its memory."""
    question = bench.question
    about_memory = question.objective in {"memory", "balanced"}
    is_near = contender.session.evidence.typical_seconds <= HOPELESS * pace.step_seconds
    return question.candidates is not None or about_memory or is_near


def variants_of(candidates: Sequence[Candidate], prior: Sequence[Trial]) -> tuple[Candidate, ...]:
    """Return what an interrupted study had already derived from its candidates."""
    derived = dict.fromkeys(trial.candidate for trial in prior if trial.candidate.keep_fp32)
    return tuple(each for each in derived if each not in candidates)


def _attempts(bench: Bench, precision: str) -> int:
    return len({each.candidate for each in bench.trials if each.candidate.precision == precision}) - 1
