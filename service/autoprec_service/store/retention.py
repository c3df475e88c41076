"""What is deleted because of its age, and only when somebody asks for it."""

from collections.abc import Callable, Collection, Iterator
from datetime import datetime
from itertools import groupby
from typing import Any

from sqlalchemy import Row, func

from autoprec_runner.study import Study
from autoprec_service.asked import AskedRecommendation
from autoprec_service.outcome import in_utc
from autoprec_service.pruned import Pruned, PruneKind
from autoprec_service.run import Run
from autoprec_service.store.counting import uncount
from autoprec_service.store.documents import read
from autoprec_service.store.scope import Scope, chunks
from autoprec_service.store.tables import AskedRow, OutcomeRow, RecordRow, ReportRow, RunRow, StudyRow, TrialRow

_PAGE = 1000


def prune(scope: Scope, kinds: Collection[PruneKind], *, before: datetime, dry_run: bool) -> Pruned:
    """Delete what is older than `before`, and return how much that was, or would be."""
    found = {}
    if "telemetry" in kinds:
        found["reports"] = _prune_telemetry(scope, before, dry_run=dry_run)
    if "superseded" in kinds:
        found["studies"], found["trials"] = _prune_studies(scope, before, dry_run=dry_run)
    if "recommendations" in kinds:
        found["recommendations"] = _prune_old(scope, AskedRow, lambda text: _asked_at(text) < before, dry_run=dry_run)
    if "runs" in kinds:
        found["runs"] = _prune_old(scope, RunRow, lambda text: _ended_before(text, before), dry_run=dry_run)
    return Pruned(**found)


def _prune_telemetry(scope: Scope, before: datetime, *, dry_run: bool) -> int:
    old = ReportRow.kind == "telemetry", ReportRow.observed_at < before.timestamp()
    number: int = scope.scalar(scope.select(ReportRow, func.count()).where(*old))
    if not dry_run:
        scope.change(scope.delete(ReportRow).where(*old))
    return number


def _prune_studies(scope: Scope, before: datetime, *, dry_run: bool) -> tuple[int, int]:
    old = [study for study in _superseded(scope) if in_utc(study.started_at) < before]
    trials = 0
    for chunk in chunks(old):
        ids = [study.id for study in chunk]
        trials += scope.scalar(scope.select(TrialRow, func.count()).where(TrialRow.study_id.in_(ids)))
        if dry_run:
            continue
        uncount(scope, chunk)
        for table in (OutcomeRow, TrialRow):
            scope.change(scope.delete(table).where(table.study_id.in_(ids)))
        scope.change(scope.delete(StudyRow).where(StudyRow.id.in_(ids)))
    return len(old), trials


def _superseded(scope: Scope) -> Iterator[Study]:
    """Yield the complete studies whose question a later complete one asked again."""
    question = StudyRow.model_fingerprint, StudyRow.workload_key, StudyRow.hardware_key, StudyRow.mode
    complete = StudyRow.status == "complete"
    repeated = scope.select(StudyRow, *question).where(complete).group_by(*question).having(func.count() > 1)
    for asked in scope.rows(repeated):
        mine = (column == value for column, value in zip(question, asked, strict=True))
        documents = scope.scalars(scope.select(StudyRow, StudyRow.document).where(complete, *mine))
        studies = sorted((read(Study, each) for each in documents), key=_began)
        for _, same in groupby(sorted(studies, key=_asked), key=_asked):
            yield from list(same)[:-1]


def _asked(study: Study) -> str:
    """Return what else makes two questions different: an answer under other constraints is no answer to this one."""
    return f"{study.strategy} {study.objective} {study.constraints.model_dump_json()}"


def _began(study: Study) -> tuple[datetime, str]:
    return in_utc(study.started_at), study.id


def _prune_old(scope: Scope, table: type[RecordRow], is_old: Callable[[str], bool], *, dry_run: bool) -> int:
    old = [row.position for row in _documents(scope, table) if is_old(row.document)]
    if not dry_run:
        for chunk in chunks(old):
            scope.change(scope.delete(table).where(table.position.in_(chunk)))
    return len(old)


def _documents(scope: Scope, table: type[RecordRow]) -> Iterator[Row[Any]]:
    position = 0
    ordered = scope.select(table, table.position, table.document).order_by(table.position).limit(_PAGE)
    while page := scope.rows(ordered.where(table.position > position)):
        yield from page
        position = page[-1].position


def _asked_at(document: str) -> datetime:
    return read(AskedRecommendation, document).asked_at


def _ended_before(document: str, moment: datetime) -> bool:
    ended_at = read(Run, document).ended_at
    return ended_at is not None and ended_at < moment
