"""The machines over HTTP: agents put reports, others ask what is known."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Body, HTTPException, Path

from autoprec_probe.agent.report import NODE_NAME, Receipt, Report, ReportBatch
from autoprec_service.fleet import Node
from autoprec_service.store import Store
from autoprec_service.store.contract import ReportKind
from autoprec_service.web.examples import REPORTS, shown
from autoprec_service.web.node_state import State, quiet_seconds, state_of
from autoprec_service.web.parameters import Accesses, After, Counted, Limit, Reader, Reporter, TenantStore, routes
from autoprec_service.web.problem import problems

Reports = Annotated[ReportBatch, Body(openapi_examples=shown(REPORTS))]
NodeName = Annotated[str, Path(pattern=NODE_NAME, description="A host name or the name of a Kubernetes node.")]


class NodeState(Node):
    """One machine as it is known now."""

    hardware_key: str | None = None
    seconds_since_seen: float
    state: State
    """`stale` after three silent intervals of its agent, and a minute at least; `lost` after twenty times that."""
    stale: bool
    """Whether it is not online."""


def node_routes(clock: Callable[[], datetime] | None = None) -> APIRouter:
    """Return the routes of machines; `clock` tells the time, UTC by default."""
    now = clock or (lambda: datetime.now(UTC))
    found = routes("nodes")

    @found.put("/nodes/{name}", operation_id="reportNode", responses=problems(400, 413))
    def report(
        *, name: NodeName, batch: Reports, store: TenantStore, who: Reporter, access: Accesses, metrics: Counted
    ) -> Receipt:
        """Take reports of one machine. Sending them again does no harm: each has an id and counts once."""
        stored = store.add_reports(name, batch.reports, sent_at=batch.sent_at, received_at=now())
        metrics.reports.inc(stored)
        if stored and any(each.profile is not None for each in batch.reports):  # live values alone would flood the log
            access.audit.note(who, "report", f"node {name}", stored=stored)
        node = store.node(name)
        return Receipt(
            stored=stored,
            known=len(batch.reports) - stored,
            profile_wanted=node is None or node.profile is None,
        )

    @found.get("/nodes", operation_id="listNodes")
    def nodes(store: TenantStore, _: Reader, after: After = None, limit: Limit = 100) -> list[NodeState]:
        """List the machines that report, by name, one page at a time."""
        moment = now()
        return [_state(each, moment) for each in store.nodes(limit=limit, after=after)]

    @found.get("/nodes/{name}", operation_id="getNode", responses=problems(404))
    def node(name: NodeName, store: TenantStore, _: Reader) -> NodeState:
        """Return what is known of one machine."""
        return _state(_known(store, name), now())

    @found.get("/nodes/{name}/reports", operation_id="listNodeReports", responses=problems(404))
    def reports(
        *,
        name: NodeName,
        store: TenantStore,
        _: Reader,
        kind: ReportKind | None = None,
        after: After = None,
        limit: Limit = 100,
    ) -> list[Report]:
        """List kept reports of one machine as they arrived: with `kind=profile` the history of what it was."""
        return store.reports(_known(store, name).name, kind=kind, after=after, limit=limit)

    return found


def _known(store: Store, name: str) -> Node:
    found = store.node(name)
    if found is None:
        raise HTTPException(404, f"No agent has reported a node {name!r}. GET /nodes lists those that did.")
    return found


def _state(node: Node, moment: datetime) -> NodeState:
    state = state_of(node, moment)
    return NodeState(
        **dict(node),
        hardware_key=None if node.profile is None else node.profile.key,
        seconds_since_seen=quiet_seconds(node, moment),
        state=state,
        stale=state != "online",
    )
