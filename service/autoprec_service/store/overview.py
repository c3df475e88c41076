"""What a store holds in short: models, hardware and counts, from what was counted on arrival."""

from collections import defaultdict
from datetime import UTC, datetime

from sqlalchemy import and_, func, or_

from autoprec_service.errors import UnknownPageError
from autoprec_service.store.scope import Scope, Table
from autoprec_service.store.tables import HardwareRow, ModelRow, NodeRow, PairRow
from autoprec_service.summaries import HardwareSummary, ModelSummary, StoreCounts


def find_models(scope: Scope, search: str | None, limit: int | None, after: str | None) -> list[ModelSummary]:
    """Return the models whose name or fingerprint contains `search`, by name."""
    name, fingerprint = ModelRow.name, ModelRow.fingerprint
    statement = scope.select(ModelRow, *ModelRow.__table__.c).order_by(name, fingerprint).limit(limit)
    if search:
        statement = statement.where(
            or_(name.icontains(search, autoescape=True), fingerprint.icontains(search, autoescape=True)),
        )
    if after is not None:
        last = scope.scalar(scope.select(ModelRow, name).where(fingerprint == after))
        if last is None:
            raise UnknownPageError(f"The store knows no model {after!r} to go on after.")
        statement = statement.where(or_(name > last, and_(name == last, fingerprint > after)))
    rows = scope.rows(statement)
    keys: dict[str, list[str]] = defaultdict(list)
    pairs = scope.select(PairRow, PairRow.model_fingerprint, PairRow.hardware_key)
    for pair in scope.rows(pairs.where(PairRow.model_fingerprint.in_([row.fingerprint for row in rows]))):
        keys[pair.model_fingerprint].append(pair.hardware_key)
    return [
        ModelSummary(
            fingerprint=row.fingerprint,
            name=row.name,
            parameters=row.parameters,
            studies=row.studies,
            trials=row.trials,
            hardware_keys=tuple(sorted(keys[row.fingerprint])),
            last_measured_at=_moment(row.last_measured_at),
        )
        for row in rows
    ]


def find_hardware(scope: Scope, search: str | None, limit: int | None, after: str | None) -> list[HardwareSummary]:
    """Return the hardware whose name or key contains `search`, by key."""
    key, name = HardwareRow.key, HardwareRow.name
    statement = scope.select(HardwareRow, *HardwareRow.__table__.c).order_by(key).limit(limit)
    if search:
        statement = statement.where(
            or_(key.icontains(search, autoescape=True), name.icontains(search, autoescape=True))
        )
    if after is not None:
        statement = statement.where(key > after)
    reporting = scope.select(NodeRow, NodeRow.hardware_key, func.count()).group_by(NodeRow.hardware_key)
    nodes: dict[str | None, int] = {row[0]: row[1] for row in map(tuple, scope.rows(reporting))}
    return [
        HardwareSummary(
            key=row.key,
            name=row.name,
            studies=row.studies,
            trials=row.trials,
            models=row.models,
            nodes=nodes.get(row.key, 0),
            last_measured_at=_moment(row.last_measured_at),
        )
        for row in scope.rows(statement)
    ]


def count_all(scope: Scope) -> StoreCounts:
    """Return how much there is."""
    totals = scope.select(HardwareRow, func.sum(HardwareRow.studies), func.sum(HardwareRow.trials), func.count())
    studies, trials, hardware = tuple(scope.rows(totals)[0])
    return StoreCounts(
        studies=int(studies or 0),
        trials=int(trials or 0),
        models=_number(scope, ModelRow),
        hardware=hardware,
        nodes=_number(scope, NodeRow),
    )


def _number(scope: Scope, table: Table) -> int:
    number: int = scope.scalar(scope.select(table, func.count()))
    return number


def _moment(seconds: float | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)
