"""How a workload reaches the child process that runs it (importable without torch)."""

import json
from abc import ABC, abstractmethod
from dataclasses import asdict, dataclass
from typing import Any, ClassVar

from autoprec_runner.errors import WorkloadError
from autoprec_runner.workload.workload import Workload


@dataclass(frozen=True)
class WorkloadSource(ABC):
    """Where a workload comes from. Making a source runs none of the user's code; only `load` does.

    A subclass states its `kind`, keeps JSON values in its fields, and is found again by `from_json` as soon as its
    module is imported.
    """

    kind: ClassVar[str]
    _kinds: ClassVar[dict[str, type["WorkloadSource"]]] = {}

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Make the subclass known to `from_json`."""
        super().__init_subclass__(**kwargs)
        WorkloadSource._kinds[cls.kind] = cls

    @abstractmethod
    def load(self, *, seed: int = 0) -> Workload:
        """Run the user's code and return the workload: same seed, same initial weights, in every process.

        Raises:
            WorkloadError: The source cannot be loaded; the message says where the user's code failed.
        """

    def to_json(self) -> str:
        """Return the source as JSON text, to be given to a child process."""
        return json.dumps({"kind": self.kind, **asdict(self)}, sort_keys=True)

    @staticmethod
    def from_json(text: str) -> "WorkloadSource":
        """Return the source that `to_json` wrote.

        Raises:
            WorkloadError: The text is not a source, or of a kind that is not known here.
        """
        try:
            fields = json.loads(text)
            return WorkloadSource._kinds[fields.pop("kind")](**fields)
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            known = ", ".join(sorted(WorkloadSource._kinds))
            raise WorkloadError(f"Not a workload source: {text[:200]!r}. Known kinds: {known}.") from error
