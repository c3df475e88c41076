"""The machines that report: what is known of each, and how reports change it."""

from autoprec_service.fleet.node import Arrival, Node, Sighting, updated

__all__ = ["Arrival", "Node", "Sighting", "updated"]
