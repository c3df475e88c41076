"""The machines over HTTP: agents put reports, others ask what is known."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, HTTPException, Path, Query

from autoprec_probe.agent.report import NODE_NAME, Receipt, Report, ReportBatch
from autoprec_service.fleet import Node
from autoprec_service.store import Store
from autoprec_service.store.contract import ReportKind
from autoprec_service.web.problem import Problem

_LONGEST_PAGE = 1000
_STALE_INTERVALS = 3
_SHORTEST_STALE_SECONDS = 60.0

NodeName = Annotated[str, Path(pattern=NODE_NAME, description="A host name or the name of a Kubernetes node.")]
Limit = Annotated[int, Query(ge=1, le=_LONGEST_PAGE)]


class NodeState(Node):
    """One machine as it is known now."""

    hardware_key: str | None = None
    seconds_since_seen: float
    stale: bool
    """Whether nothing was heard for three intervals of its agent, and for a minute."""


def node_routes(store: Store, clock: Callable[[], datetime] | None = None) -> APIRouter:
    """Return the routes of the machines in a store; `clock` tells the time, UTC by default."""
    now = clock or (lambda: datetime.now(UTC))
    routes = APIRouter(tags=["nodes"])

    @routes.put("/nodes/{name}", responses=_problems(413, 422))
    def report(name: NodeName, batch: ReportBatch) -> Receipt:
        """Take reports of one machine. Sending them again does no harm: each has an id and counts once."""
        stored = store.add_reports(name, batch.reports, sent_at=batch.sent_at, received_at=now())
        node = store.node(name)
        return Receipt(
            stored=stored,
            known=len(batch.reports) - stored,
            profile_wanted=node is None or node.profile is None,
        )

    @routes.get("/nodes")
    def nodes(after: str | None = None, limit: Limit = 100) -> list[NodeState]:
        """List the machines that report, by name, one page at a time."""
        moment = now()
        return [_state(each, moment) for each in store.nodes(limit=limit, after=after)]

    @routes.get("/nodes/{name}", responses=_problems(404))
    def node(name: NodeName) -> NodeState:
        """Return what is known of one machine."""
        return _state(_known(store, name), now())

    @routes.get("/nodes/{name}/reports", responses=_problems(404))
    def reports(
        name: NodeName, kind: ReportKind | None = None, after: str | None = None, limit: Limit = 100
    ) -> list[Report]:
        """List kept reports of one machine as they arrived: with `kind=profile` the history of what it was."""
        return store.reports(_known(store, name).name, kind=kind, after=after, limit=limit)

    return routes


def _known(store: Store, name: str) -> Node:
    found = store.node(name)
    if found is None:
        raise HTTPException(404, f"No agent has reported a node {name!r}. GET /nodes lists those that did.")
    return found


def _state(node: Node, moment: datetime) -> NodeState:
    quiet = max(0.0, (moment - node.last_seen_at).total_seconds())
    return NodeState(
        **dict(node),
        hardware_key=None if node.profile is None else node.profile.key,
        seconds_since_seen=quiet,
        stale=quiet > max(_SHORTEST_STALE_SECONDS, _STALE_INTERVALS * node.interval_seconds),
    )


def _problems(*statuses: int) -> dict[int | str, dict[str, type[Problem]]]:
    return {status: {"model": Problem} for status in statuses}
