"""The machines of a store and their reports, within the transaction of whoever asks."""

from collections.abc import Iterable, Sequence

from autoprec_probe.agent.report import Report
from autoprec_service.errors import UnknownPageError
from autoprec_service.fleet import Arrival, Node, updated
from autoprec_service.store.changes import note_changes
from autoprec_service.store.contract import ReportKind
from autoprec_service.store.counting import know_node
from autoprec_service.store.documents import document_of, read
from autoprec_service.store.scope import Scope
from autoprec_service.store.tables import NodeRow, ReportRow


def add_arrivals(scope: Scope, name: str, arrivals: Iterable[Arrival], telemetry_kept: int) -> int:
    """Add the reports that are new, bring the state of their machine up to date, and return how many there were."""
    fresh = _without_known(scope, name, list(arrivals))
    known = find_node(scope, name)
    node, rows = known, []
    for arrived in fresh:
        kind: ReportKind = "profile" if arrived.changes_profile(node) else "telemetry"
        rows.append(_row(name, kind, arrived))
        node = updated(node, name, arrived)
    if node is not None and fresh:
        _save(scope, node, exists=known is not None)
        scope.insert(ReportRow, rows)
        _forget_old(scope, name, telemetry_kept)
    return len(fresh)


def find_node(scope: Scope, name: str) -> Node | None:
    """Return the state of a machine, None where it never reported."""
    document = scope.scalar(scope.select(NodeRow, NodeRow.document).where(NodeRow.name == name))
    return None if document is None else read(Node, document)


def find_nodes(scope: Scope, limit: int | None, after: str | None) -> list[Node]:
    """Return the machines by name, those that come after `after`."""
    statement = scope.select(NodeRow, NodeRow.document).order_by(NodeRow.name).limit(limit)
    if after is not None:
        statement = statement.where(NodeRow.name > after)
    return [read(Node, document) for document in scope.scalars(statement)]


def find_reports(
    scope: Scope, name: str, kind: ReportKind | None, limit: int | None, after: str | None
) -> list[Report]:
    """Return reports of a machine in the order in which they arrived."""
    mine = (
        scope.select(ReportRow, ReportRow.document)
        .where(ReportRow.node == name)
        .order_by(ReportRow.position)
        .limit(limit)
    )
    if kind is not None:
        mine = mine.where(ReportRow.kind == kind)
    if after is not None:
        asked = scope.select(ReportRow, ReportRow.position).where(ReportRow.node == name, ReportRow.id == after)
        position = scope.scalar(asked)
        if position is None:
            raise UnknownPageError(
                f"The node {name!r} has no report {after!r} to go on after: it may have been given up."
            )
        mine = mine.where(ReportRow.position > position)
    return [read(Report, document) for document in scope.scalars(mine)]


def _without_known(scope: Scope, name: str, arrivals: Sequence[Arrival]) -> list[Arrival]:
    """Return the reports that are not stored, once each."""
    given = scope.among(ReportRow.id, (each.report.id for each in arrivals))
    known = set(scope.scalars(scope.select(ReportRow, ReportRow.id).where(ReportRow.node == name, given)))
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


def _save(scope: Scope, node: Node, *, exists: bool) -> None:
    row = {"name": node.name, "document": document_of(node)}
    if exists:
        scope.change(scope.update(NodeRow).where(NodeRow.name == node.name).values(row))
    else:
        scope.insert(NodeRow, [row])
    know_node(scope, node)
    note_changes(scope, [("node", node.name, None)])


def _forget_old(scope: Scope, name: str, telemetry_kept: int) -> None:
    mine = ReportRow.node == name, ReportRow.kind == "telemetry"
    newest_first = ReportRow.observed_at.desc(), ReportRow.position.desc()
    old = scope.select(ReportRow, ReportRow.position).where(*mine).order_by(*newest_first).offset(telemetry_kept)
    scope.change(scope.delete(ReportRow).where(ReportRow.position.in_(old)))
