"""What Prometheus is told of the store: asked when it is asked, and not more often than it changes."""

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime

from prometheus_client import Metric
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from autoprec_service.access.principal import DEFAULT_TENANT
from autoprec_service.access.registry import TokenRegistry
from autoprec_service.errors import StoreError
from autoprec_service.fleet import Node
from autoprec_service.store import Store
from autoprec_service.web.node_state import NODE_STATES, state_of

_KEPT_SECONDS = 10.0
_PAGE = 500


class StoreCollector(Collector):
    """Counts what all tenants together have stored.

    Args:
        store: The store of one of them.
        tokens: What tells the others.
        clock: Seconds that only go forward.
    """

    def __init__(self, store: Store, tokens: TokenRegistry, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._store = store
        self._tokens = tokens
        self._clock = clock
        self._kept: tuple[float, list[Metric]] | None = None

    def collect(self) -> Iterable[Metric]:
        """Return the numbers; without a database there is only the word that it is away."""
        kept, now = self._kept, self._clock()
        if kept is not None and now - kept[0] < _KEPT_SECONDS:
            return kept[1]
        try:
            found = [*self._counts(), *self._fleet(), _gauge("store_up", "Whether the database answers.", 1)]
        except StoreError:
            return [_gauge("store_up", "Whether the database answers.", 0)]
        self._kept = (now, found)
        return found

    def describe(self) -> Iterable[Metric]:
        """Return nothing, so that registering asks no database."""
        return ()

    def _stores(self) -> list[Store]:
        tenants = {DEFAULT_TENANT, *self._tokens.tenants()}
        return [self._store.for_tenant(each) for each in sorted(tenants)]

    def _counts(self) -> Iterator[Metric]:
        counts = [each.counts() for each in self._stores()]
        for name in ("studies", "trials", "models"):
            yield _gauge(f"store_{name}", f"Stored {name}.", sum(getattr(each, name) for each in counts))

    def _fleet(self) -> Iterator[Metric]:
        states, architectures, now = Counter[str](dict.fromkeys(NODE_STATES, 0)), Counter[str](), datetime.now(UTC)
        for store in self._stores():
            for node in _all_nodes(store):
                states[state_of(node, now)] += 1
                architectures.update(_architectures(node))
        yield _gauges("nodes", "Machines that report, by how long ago they did.", "state", states)
        yield _gauges("accelerators", "Accelerators of the machines that report.", "architecture", architectures)


def _all_nodes(store: Store) -> Iterator[Node]:
    page = store.nodes(limit=_PAGE)
    while page:
        yield from page
        page = store.nodes(limit=_PAGE, after=page[-1].name)


def _architectures(node: Node) -> list[str]:
    devices = () if node.profile is None else node.profile.accelerators
    return [each.architecture or "unknown" for each in devices]


def _gauge(name: str, told: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"autoprec_{name}", told, value=value)


def _gauges(name: str, told: str, label: str, values: Counter[str]) -> GaugeMetricFamily:
    family = GaugeMetricFamily(f"autoprec_{name}", told, labels=[label])
    for each, value in sorted(values.items()):
        family.add_metric([each], value)
    return family
