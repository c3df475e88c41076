"""Outcomes: derived from the trials of a study whenever some are added, so that comparisons need not read trials."""

from collections import defaultdict
from collections.abc import Iterable, Sequence

from autoprec_probe.candidate import Candidate
from autoprec_runner.trial import Trial
from autoprec_service.errors import UnknownPageError
from autoprec_service.outcome import Outcome, outcomes_of
from autoprec_service.store.documents import document_of, read
from autoprec_service.store.filters import Filters, find_page
from autoprec_service.store.scope import Scope, Values
from autoprec_service.store.tables import OutcomeRow, TrialRow


def refresh_outcomes(scope: Scope, fresh: Sequence[Trial]) -> None:
    """Derive the outcomes of the studies of trials that are about to be added."""
    trials: dict[str, list[Trial]] = defaultdict(list)
    theirs = scope.among(TrialRow.study_id, {trial.study_id for trial in fresh})
    for document in scope.scalars(scope.select(TrialRow, TrialRow.document).where(theirs)):
        earlier = read(Trial, document)
        trials[earlier.study_id].append(earlier)
    for trial in fresh:
        trials[trial.study_id].append(trial)
    save_outcomes(scope, (outcome for each in trials.values() for outcome in outcomes_of(each)))


def save_outcomes(scope: Scope, outcomes: Iterable[Outcome]) -> None:
    """Write outcomes over what was stored of the same candidate of the same study."""
    changed = ("model_fingerprint", "hardware_key", "mode", "document")
    scope.upsert(
        OutcomeRow,
        [_row(each) for each in outcomes],
        key=("study_id", "candidate"),
        changes=lambda new: {name: new[name] for name in changed},
    )


def find_outcomes(scope: Scope, filters: Filters, limit: int | None, after: str | None) -> list[Outcome]:
    """Return the outcomes that match every filter, in the order in which their candidates were first tried."""
    behind = None if after is None else _position(scope, after)
    documents = find_page(scope, OutcomeRow, filters, limit=limit, behind=behind)
    return [read(Outcome, document) for document in documents]


def _position(scope: Scope, trial_id: str) -> int:
    """Return the position of the outcome that a trial is part of; another trial may decide about it by now."""
    document = scope.scalar(scope.select(TrialRow, TrialRow.document).where(TrialRow.id == trial_id))
    if document is None:
        raise UnknownPageError(
            f"The store holds no trial {trial_id!r} to go on after: "
            "give the trial_id of the last outcome of the page before.",
        )
    trial = read(Trial, document)
    mine = OutcomeRow.study_id == trial.study_id, OutcomeRow.candidate == _key(trial.candidate)
    position: int = scope.scalar(scope.select(OutcomeRow, OutcomeRow.position).where(*mine))
    return position


def _row(outcome: Outcome) -> Values:
    return {
        "study_id": outcome.study_id,
        "candidate": _key(outcome.candidate),
        "model_fingerprint": outcome.model_fingerprint,
        "hardware_key": outcome.hardware_key,
        "mode": outcome.mode,
        "document": document_of(outcome),
    }


def _key(candidate: Candidate) -> str:
    return candidate.model_dump_json(exclude_defaults=True)
