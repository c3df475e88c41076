"""What can be told of a question before its first trial."""

from collections.abc import Sequence

from autoprec_probe.candidate import Candidate
from autoprec_runner.doctor.examine import examine
from autoprec_runner.doctor.finding import Finding
from autoprec_runner.search.question import Question
from autoprec_runner.search.screen import unfit
from autoprec_runner.trials.prepared import Prepared


def findings_before(question: Question, prepared: Prepared, candidates: Sequence[Candidate]) -> tuple[Finding, ...]:
    """Return the static findings on the candidates that a study would start; none if the workload is unknown.

    Candidates that make no sense for the workload are left out, unless the user named them.
    """
    if prepared.traits is None:
        return ()
    asked_for = question.candidates is not None
    return examine(
        prepared.traits,
        profile=question.profile,
        device=question.device,
        strategy=question.strategy,
        candidates=[each for each in candidates if asked_for or unfit(each, prepared) is None],
        asked_for=asked_for,
    )
