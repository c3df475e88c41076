"""Studies and trials on their way in, with everything that is derived from them in the same transaction."""

from collections.abc import Iterable, Sequence

from autoprec_runner.study import Study
from autoprec_runner.trial import Trial
from autoprec_service.store.changes import note_changes
from autoprec_service.store.counting import count_studies, count_trials
from autoprec_service.store.documents import read
from autoprec_service.store.outcomes import refresh_outcomes
from autoprec_service.store.rows import (
    Row,
    check_same_question,
    check_same_trial,
    check_studies_known,
    study_row,
    trial_row,
)
from autoprec_service.store.scope import Scope
from autoprec_service.store.tables import RecordRow, StudyRow, TrialRow


def save_studies(scope: Scope, studies: Iterable[Study]) -> int:
    """Store studies, or replace what is stored under their ids, and return how many of them were new."""
    given = {study.id: study for study in studies}
    stored = _documents(scope, StudyRow, given)
    for id_, document in stored.items():
        check_same_question(given[id_], read(Study, document))
    fresh = [study for id_, study in given.items() if id_ not in stored]
    scope.insert(StudyRow, [study_row(study) for study in fresh])
    for id_ in stored:
        scope.change(scope.update(StudyRow).where(StudyRow.id == id_).values(study_row(given[id_])))
    count_studies(scope, fresh)
    note_changes(scope, [("study", study.id, study.model_fingerprint) for study in given.values()])
    return len(fresh)


def add_trials(scope: Scope, trials: Iterable[Trial]) -> int:
    """Add trials, all or none, and return how many of them were new."""
    given = [(trial, trial_row(trial)) for trial in trials]
    known = _documents(scope, TrialRow, (trial.id for trial, _ in given))
    fresh, rows = _without_known(given, known)
    if not fresh:
        return 0
    check_studies_known(rows, _known_studies(scope, {trial.study_id for trial in fresh}))
    refresh_outcomes(scope, fresh)
    scope.insert(TrialRow, rows)
    count_trials(scope, fresh)
    note_changes(scope, [("trial", trial.id, trial.model_fingerprint) for trial in fresh])
    return len(fresh)


def _documents(scope: Scope, table: type[RecordRow], ids: Iterable[str]) -> dict[str, str]:
    """Return the stored documents among `ids`, by id."""
    rows = scope.rows(scope.select(table, table.id, table.document).where(scope.among(table.id, ids)))
    return {row.id: row.document for row in rows}


def _known_studies(scope: Scope, ids: Iterable[str]) -> set[str]:
    return set(scope.scalars(scope.select(StudyRow, StudyRow.id).where(scope.among(StudyRow.id, ids))))


def _without_known(given: Sequence[tuple[Trial, Row]], known: dict[str, str]) -> tuple[list[Trial], list[Row]]:
    """Return the trials whose id is new, once each, after checking that the others say the same."""
    seen = dict(known)
    trials, rows = [], []
    for trial, row in given:
        if trial.id in seen:
            check_same_trial(row, seen[trial.id])
            continue
        seen[trial.id] = row["document"]
        trials.append(trial)
        rows.append(row)
    return trials, rows
