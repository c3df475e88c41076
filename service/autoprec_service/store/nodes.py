"""The machines of a store and their reports, within the transaction of whoever asks."""

from collections.abc import Iterable, Sequence

from sqlalchemy import Connection, delete, insert, select, update

from autoprec_probe.agent.report import Report
from autoprec_service.errors import StoreError
from autoprec_service.fleet import Arrival, Node, updated
from autoprec_service.store.contract import ReportKind
from autoprec_service.store.documents import document_of, read_node, read_report
from autoprec_service.store.tables import NodeRow, ReportRow

_CHUNK = 500  # SQLite before 3.32 takes at most 999 variables in a statement


def add_arrivals(connection: Connection, name: str, arrivals: Iterable[Arrival], telemetry_kept: int) -> int:
    """Add the reports that are new, bring the state of their machine up to date, and return how many there were."""
    fresh = _without_known(connection, name, list(arrivals))
    known = find_node(connection, name)
    node, rows = known, []
    for arrived in fresh:
        kind: ReportKind = "profile" if arrived.changes_profile(node) else "telemetry"
        rows.append(_row(name, kind, arrived))
        node = updated(node, name, arrived)
    if node is not None and fresh:
        _save(connection, node, exists=known is not None)
        connection.execute(insert(ReportRow), rows)
        _forget_old(connection, name, telemetry_kept)
    return len(fresh)


def find_node(connection: Connection, name: str) -> Node | None:
    """Return the state of a machine, None where it never reported."""
    document = connection.scalar(select(NodeRow.document).where(NodeRow.name == name))
    return None if document is None else read_node(document)


def find_nodes(connection: Connection, limit: int | None, after: str | None) -> list[Node]:
    """Return the machines by name, those that come after `after`."""
    statement = select(NodeRow.document).order_by(NodeRow.name).limit(limit)
    if after is not None:
        statement = statement.where(NodeRow.name > after)
    return [read_node(document) for document in connection.scalars(statement)]


def find_reports(
    connection: Connection, name: str, kind: ReportKind | None, limit: int | None, after: str | None
) -> list[Report]:
    """Return reports of a machine in the order in which they arrived."""
    mine = select(ReportRow.document).where(ReportRow.node == name).order_by(ReportRow.position).limit(limit)
    if kind is not None:
        mine = mine.where(ReportRow.kind == kind)
    if after is not None:
        asked = select(ReportRow.position).where(ReportRow.node == name, ReportRow.id == after)
        position = connection.scalar(asked)
        if position is None:
            raise StoreError(f"The node {name!r} has no report {after!r} to go on after: it may have been given up.")
        mine = mine.where(ReportRow.position > position)
    return [read_report(document) for document in connection.scalars(mine)]


def _without_known(connection: Connection, name: str, arrivals: Sequence[Arrival]) -> list[Arrival]:
    """Return the reports that are not stored, once each."""
    known: set[str] = set()
    ids = [each.report.id for each in arrivals]
    for start in range(0, len(ids), _CHUNK):
        chunk = ids[start : start + _CHUNK]
        known |= set(connection.scalars(select(ReportRow.id).where(ReportRow.node == name, ReportRow.id.in_(chunk))))
    fresh = {each.report.id: each for each in reversed(arrivals) if each.report.id not in known}
    return list(reversed(fresh.values()))


def _row(name: str, kind: ReportKind, arrived: Arrival) -> dict[str, str | float]:
    return {
        "node": name,
        "id": arrived.report.id,
        "kind": kind,
        "observed_at": arrived.sighting.observed_at.timestamp(),
        "document": document_of(arrived.report),
    }


def _save(connection: Connection, node: Node, *, exists: bool) -> None:
    row = {"name": node.name, "document": document_of(node)}
    if exists:
        connection.execute(update(NodeRow).where(NodeRow.name == node.name).values(row))
    else:
        connection.execute(insert(NodeRow), [row])


def _forget_old(connection: Connection, name: str, telemetry_kept: int) -> None:
    mine = ReportRow.node == name, ReportRow.kind == "telemetry"
    newest_first = ReportRow.observed_at.desc(), ReportRow.position.desc()
    old = select(ReportRow.position).where(*mine).order_by(*newest_first).offset(telemetry_kept)
    connection.execute(delete(ReportRow).where(ReportRow.position.in_(old)))
