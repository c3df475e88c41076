"""A causal transformer whose step is matrix products."""

from autoprec_runner.workload import Workload
from decoder import decoding


def workload() -> Workload:
    """Return its training on 8 passages of 64 bytes."""
    return decoding(width=256, heads=4, layers=3, length=64, batch_size=8, name="large decoder")
