"""Whether a machine still reports."""

from datetime import datetime
from typing import Literal, get_args

from autoprec_service.fleet import Node

State = Literal["online", "stale", "lost"]
NODE_STATES: tuple[State, ...] = get_args(State)

_STALE_INTERVALS = 3
_SHORTEST_STALE_SECONDS = 60.0
_LOST_STALE_TIMES = 20
"""A node that has been silent for so many times what makes it stale, 20 minutes at least, is lost."""


def quiet_seconds(node: Node, moment: datetime) -> float:
    """Return how long nothing has been heard of a machine."""
    return max(0.0, (moment - node.last_seen_at).total_seconds())


def state_of(node: Node, moment: datetime) -> State:
    """Return `online`, or `stale` and `lost` after longer and longer silence."""
    stale = max(_SHORTEST_STALE_SECONDS, _STALE_INTERVALS * node.interval_seconds)
    quiet = quiet_seconds(node, moment)
    if quiet > _LOST_STALE_TIMES * stale:
        return "lost"
    return "stale" if quiet > stale else "online"
