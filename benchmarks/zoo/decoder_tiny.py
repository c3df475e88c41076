"""A causal transformer of one narrow layer."""

from autoprec_runner.workload import Workload
from decoder import decoding


def workload() -> Workload:
    """Return its training on 8 passages of 24 bytes."""
    return decoding(width=32, heads=2, layers=1, length=24, batch_size=8, name="tiny decoder")
