"""Watches torch's dispatcher while a step runs on tensors without numbers, and writes down what it would compute."""

from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from torch import Tensor
from torch._subclasses.fake_tensor import DataDependentOutputException
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.module_tracker import ModuleTracker

from autoprec_runner.costing.alive import AliveMemory
from autoprec_runner.costing.operations import Operation, operation, scratch_bytes
from autoprec_runner.prediction.cost import Kind, MomentOfStep, Work

_Key = tuple[str, MomentOfStep, Kind, str]
_NOT_A_MODULE = "Global"


@dataclass(kw_only=True)
class _Sum:
    count: int = 0
    flops: float = 0.0
    elements: float = 0.0
    read_bytes: float = 0.0
    written_bytes: float = 0.0

    def add(self, found: Operation) -> None:
        self.count += 1
        self.flops += found.flops
        self.elements += found.elements
        self.read_bytes += found.read_bytes
        self.written_bytes += found.written_bytes


class Follower(TorchDispatchMode):
    """Sums operations by layer, moment, kind and dtype, and keeps account of the memory that is alive."""

    def __init__(self, tracker: ModuleTracker, *, on_cpu: bool, scales_loss: bool) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.memory = AliveMemory()
        self.peaks: dict[MomentOfStep, int] = {}
        self._tracker, self._on_cpu, self._scales_loss = tracker, on_cpu, scales_loss
        self._moment: MomentOfStep = "forward"
        self._sums: dict[_Key, _Sum] = defaultdict(_Sum)

    @property
    def work(self) -> tuple[Work, ...]:
        """What was written down since the last `forget`."""
        return tuple(
            Work(layer=layer, moment=moment, kind=kind, dtype=dtype, **vars(found))
            for (layer, moment, kind, dtype), found in self._sums.items()
        )

    def forget(self) -> None:
        """Start anew; what is alive stays known."""
        self._sums.clear()
        self.peaks.clear()

    @contextmanager
    def during(self, moment: MomentOfStep) -> Iterator[None]:
        """Ascribe what happens inside to a moment of the step."""
        self._moment = moment
        self.memory.reset_peak()
        yield
        self.peaks[moment] = self.memory.peak_bytes

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Let an operation run on shapes, and write it down."""
        keywords = kwargs or {}
        result = self._run(func, args, keywords)
        found = operation(func, args, keywords, result)
        if found is not None:
            self._sums[self._layer(), self._moment, found.kind, found.dtype].add(found)
        for each in tree_leaves(result):
            if isinstance(each, Tensor):
                self.memory.see(each)
        if self._on_cpu:
            self.memory.borrow(scratch_bytes(func, args, result))
        return result

    def _run(self, function: Any, arguments: Any, keywords: Any) -> Any:
        try:
            return function(*arguments, **keywords)
        except DataDependentOutputException:
            if not self._asks_for_overflow(function):
                raise
            return 0.0

    def _asks_for_overflow(self, function: Any) -> bool:
        """Return whether a gradient scaler asks if gradients overflowed; in a step like any other, none did."""
        return (
            self._scales_loss and self._moment == "update" and function.overloadpacket.__name__ == "_local_scalar_dense"
        )

    def _layer(self) -> str:
        if self._moment == "update":
            return ""
        return max(self._tracker.parents - {_NOT_A_MODULE}, key=lambda name: name.count("."), default="")
