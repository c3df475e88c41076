"""What strategies with several processes have in common."""

from autoprec_runner.strategy.base import Strategy
from autoprec_runner.strategy.processes import Processes


class DistributedStrategy(Strategy):
    """Knows the processes that `connect` has joined."""

    _processes: Processes | None = None

    @property
    def rank(self) -> int:
        """The number of this process."""
        return self._joined.rank

    @property
    def world_size(self) -> int:
        """How many processes share the step."""
        return self._joined.world_size

    @property
    def _joined(self) -> Processes:
        assert self._processes is not None, "connect() comes first"
        return self._processes
