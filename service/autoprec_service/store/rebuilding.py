"""Everything that is derived from studies, trials and nodes, made anew from them."""

from itertools import groupby

from sqlalchemy import Connection

from autoprec_runner.study import Study
from autoprec_runner.trial import Trial
from autoprec_service.fleet import Node
from autoprec_service.outcome import outcomes_of
from autoprec_service.store.counting import count_studies, count_trials, forget_counts, know_node
from autoprec_service.store.documents import read
from autoprec_service.store.outcomes import save_outcomes
from autoprec_service.store.scope import Scope, open_scope, tenants
from autoprec_service.store.tables import HardwareRow, NodeRow, OutcomeRow, PairRow, StudyRow, TrialRow

_STUDIES_AT_ONCE = 200


def rebuild(connection: Connection) -> None:
    """Derive outcomes and counts of every tenant anew."""
    for tenant in tenants(connection):
        _rebuild(open_scope(connection, tenant, writes=True))


def _rebuild(scope: Scope) -> None:
    for table in (OutcomeRow, PairRow, HardwareRow):
        scope.change(scope.delete(table))
    forget_counts(scope)
    for document in scope.scalars(scope.select(NodeRow, NodeRow.document)).all():
        know_node(scope, read(Node, document))
    position = 0
    ordered = scope.select(StudyRow, StudyRow.position, StudyRow.document).order_by(StudyRow.position)
    while page := scope.rows(ordered.where(StudyRow.position > position).limit(_STUDIES_AT_ONCE)):
        _rebuild_studies(scope, [read(Study, row.document) for row in page])
        position = page[-1].position


def _rebuild_studies(scope: Scope, studies: list[Study]) -> None:
    theirs = TrialRow.study_id.in_([study.id for study in studies])
    ordered = scope.select(TrialRow, TrialRow.document).where(theirs).order_by(TrialRow.study_id, TrialRow.position)
    trials = [read(Trial, document) for document in scope.scalars(ordered)]
    count_studies(scope, studies)
    count_trials(scope, trials)
    for _, group in groupby(trials, key=lambda trial: trial.study_id):
        save_outcomes(scope, outcomes_of(list(group)))
