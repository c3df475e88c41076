"""What one step needs: a model, batches, a loss and an optimizer, given or inferred (importable without torch).

`Workload` is what a user gives, a `WorkloadSource` carries it to a child process, and there
`autoprec_runner.workload.task.resolve` makes a `Task` of it, which needs torch.
"""

from autoprec_runner.workload.factory import FactorySource
from autoprec_runner.workload.pickled import PickledSource, pickle_workload
from autoprec_runner.workload.source import WorkloadSource
from autoprec_runner.workload.workload import MAX_BATCHES, Workload

__all__ = ["MAX_BATCHES", "FactorySource", "PickledSource", "Workload", "WorkloadSource", "pickle_workload"]
