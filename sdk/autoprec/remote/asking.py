"""Asking a service what others have found, before anything is measured here."""

from collections.abc import Sequence

from autoprec.client.blocking import Client
from autoprec_probe.candidate import Candidate
from autoprec_runner.search.elsewhere import Known, answers
from autoprec_runner.search.question import Question
from autoprec_runner.study import Study
from autoprec_runner.trials.session import Prepared
from autoprec_service.advice import question as service
from autoprec_service.advice.answer import Advice

_STUDIES = 8
"""Studies of the same workload on the same hardware that are looked at, the newest first."""


def ask(client: Client, question: Question, prepared: Prepared, candidates: Sequence[Candidate]) -> Known:
    """Return what a service knows of a question.

    Only a study that was measured as it would be here, and under the same software, takes the place of one. Whatever
    else the service advises says no more than where to begin: it was not measured on this model and hardware, or long
    ago.

    Raises:
        ClientError: The service cannot be asked.
    """
    key = question.profile.key_for(question.device)
    advice = client.recommend(
        service.Question(
            model_fingerprint=prepared.fingerprint,
            workload_key=prepared.workload_key,
            profile=question.profile,
            hardware_key=key,
            mode=prepared.mode,
            objective=question.objective,
            max_memory_bytes=question.constraints.max_memory_bytes,
            tolerance=question.constraints.tolerance,
        ),
    )
    if advice.basis == "measured" and advice.stale is None:
        for study in _studies(client, prepared, key):
            trials = tuple(client.trials(study_id=study.id))
            if answers(study, trials, question, prepared, candidates):
                return Known(study=study, trials=trials)
    return Known(promising=_promising(advice))


def _studies(client: Client, prepared: Prepared, key: str) -> Sequence[Study]:
    found = client.studies(workload_key=prepared.workload_key, hardware_key=key, status="complete", newest_first=True)
    return [study for study, _ in zip(found, range(_STUDIES), strict=False)]


def _promising(advice: Advice) -> tuple[str, ...]:
    named = ([advice.candidate] if advice.candidate else []) + [each.candidate for each in advice.alternatives]
    return tuple(dict.fromkeys(each.precision for each in named))
