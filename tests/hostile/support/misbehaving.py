"""Workloads that misbehave, one factory each. They are run in children only.

Every model counts its training steps (forward passes with gradients), so that trying it out does not count. One thread:
on a busy machine, several wait for each other for longer than a tiny step takes.
"""

import collections
import contextlib
import ctypes
import itertools
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from multiprocessing.shared_memory import SharedMemory
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from autoprec_runner.workload import Workload

torch.set_num_threads(1)

WIDTH = 8
FOREVER_SECONDS = 600.0
SHARED_PREFIX = "autoprec-hostile-"
"""Of the names of what workloads leave in shared memory."""
HALF = (torch.bfloat16, torch.float16)


class Trap(nn.Module):
    """A linear model that springs at its n-th training step, if its input is of one of some dtypes."""

    def __init__(self, spring: Callable[[], object], *, at_step: int = 2, dtypes: tuple[torch.dtype, ...] = ()) -> None:
        super().__init__()
        self.linear = nn.Linear(WIDTH, WIDTH)
        self._spring = spring
        self._at_step = at_step
        self._dtypes = dtypes
        self.steps = 0

    def forward(self, x: Tensor) -> Tensor:
        self.steps += torch.is_grad_enabled()
        if self.steps == self._at_step and (not self._dtypes or x.dtype in self._dtypes):
            self._spring()
        output: Tensor = self.linear(x)
        return output


class Always(Trap):
    """A trap that springs at every training step."""

    def forward(self, x: Tensor) -> Tensor:
        self._at_step = self.steps + 1  # never reached where the step does not count
        return super().forward(x)


def trained(
    model: nn.Module,
    *,
    batch: Tensor | Iterator[Tensor] | None = None,
    optimizer: Callable[[Any], torch.optim.Optimizer] | None = None,
) -> Workload:
    batch = torch.randn(4, WIDTH, generator=torch.Generator().manual_seed(0)) if batch is None else batch
    return Workload(model=model, batch=batch, loss=lambda output, _: output.square().mean(), optimizer=optimizer)


def plain(parameters: Any) -> torch.optim.Optimizer:
    return torch.optim.SGD(parameters, lr=1e-3)


def linger_in_fp32(x: Tensor) -> None:
    """Make every other precision the faster one."""
    if x.dtype is torch.float32:
        time.sleep(0.01)


def hang() -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    while True:
        pass


def deadlock() -> None:
    lock = threading.Lock()
    lock.acquire()
    lock.acquire()


def segfault() -> None:
    ctypes.string_at(0)


def allocate() -> None:
    held = []
    while True:
        held.append(torch.ones(1 << 22))


def flood() -> None:
    for _ in range(100):
        sys.stdout.write("x" * 1_000_000)


def fail() -> None:
    raise RuntimeError("the trap has sprung")


def leave() -> None:
    raise SystemExit("the trap has sprung")


def daemonize() -> None:
    threading.Thread(target=time.sleep, args=(FOREVER_SECONDS,)).start()
    code = f"import os, time\nif os.fork(): os._exit(0)\nos.setsid()\ntime.sleep({FOREVER_SECONDS})"
    subprocess.run([sys.executable, "-c", code], check=True)
    subprocess.Popen([sys.executable, "-c", f"import time; time.sleep({FOREVER_SECONDS})"])


def rearrange() -> None:
    os.chdir("/")
    os.environ["AUTOPREC_TEST"] = "changed"
    Path(os.environ["TMPDIR"], "left-behind").write_text("x", encoding="ascii")
    sys.path.clear()
    torch.set_default_dtype(torch.float64)
    torch.set_num_threads(2)
    torch.manual_seed(1)


def good() -> Workload:
    return trained(Trap(lambda: None))


def segfaults() -> Workload:
    return trained(Trap(segfault))


def exits() -> Workload:
    return trained(Trap(lambda: os._exit(3)))


def hangs() -> Workload:
    return trained(Trap(hang))


def deadlocks() -> Workload:
    return trained(Trap(deadlock))


def allocates() -> Workload:
    return trained(Trap(allocate))


def floods() -> Workload:
    return trained(Trap(flood))


def raises() -> Workload:
    return trained(Trap(fail))


def raises_at_step_17() -> Workload:
    return trained(Trap(fail, at_step=17))


def leaves() -> Workload:
    return trained(Trap(leave))


def is_killed() -> Workload:
    return trained(Trap(lambda: os.kill(os.getpid(), signal.SIGKILL)))


def gets_a_realtime_signal() -> Workload:
    return trained(Trap(lambda: os.kill(os.getpid(), signal.SIGRTMIN + 1)))


def starts_daemons() -> Workload:
    return trained(Trap(daemonize))


def rearranges() -> Workload:
    return trained(Trap(rearrange))


def abort() -> None:
    os.abort()


def spin_in_c() -> None:
    """Never return to Python, where a signal would be noticed."""
    collections.deque(itertools.repeat(None), maxlen=0)


def set_an_alarm() -> None:
    signal.setitimer(signal.ITIMER_REAL, 0.05)
    time.sleep(FOREVER_SECONDS)


def close_streams() -> None:
    for stream in (sys.stdin, sys.stdout, sys.stderr):
        stream.close()
    for descriptor in range(3):
        with contextlib.suppress(OSError):
            os.close(descriptor)


def scribble() -> None:
    """Write to whatever is open, the connection to the parent included."""
    for descriptor in range(3, 256):
        with contextlib.suppress(OSError):
            os.write(descriptor, b"x" * 100)


def breed() -> None:
    for _ in range(20):
        if os.fork() == 0:
            os.setsid()
            time.sleep(FOREVER_SECONDS)


def leak_shared_memory() -> None:
    held = SharedMemory(name=f"{SHARED_PREFIX}{os.getpid()}", create=True, size=1 << 16)
    multiprocessing.Semaphore()
    held.close()


def leak_shared_memory_and_die() -> None:
    leak_shared_memory()
    segfault()


def leak_descriptors() -> None:
    for _ in range(500):
        os.open(os.devnull, os.O_RDONLY)


def change_torch() -> None:
    torch.set_default_dtype(torch.float16)
    torch.set_grad_enabled(False)
    torch.set_float32_matmul_precision("medium")
    torch.use_deterministic_algorithms(mode=True)
    torch.set_default_dtype(torch.float32)
    torch.set_grad_enabled(True)


def aborts() -> Workload:
    return trained(Trap(abort))


def spins_in_c() -> Workload:
    return trained(Trap(spin_in_c))


def sets_an_alarm() -> Workload:
    return trained(Trap(set_an_alarm))


def closes_streams() -> Workload:
    return trained(Trap(close_streams))


def scribbles() -> Workload:
    return trained(Trap(scribble))


def breeds() -> Workload:
    return trained(Trap(breed))


def leaks_shared_memory() -> Workload:
    return trained(Trap(leak_shared_memory))


def leaks_shared_memory_and_dies() -> Workload:
    return trained(Trap(leak_shared_memory_and_die))


def leaks_descriptors() -> Workload:
    return trained(Trap(leak_descriptors))


def changes_torch() -> Workload:
    return trained(Trap(change_torch))


def starts_slowly() -> Workload:
    time.sleep(2)
    return good()


def is_never_the_same() -> Workload:
    """Other weights and other numbers at every step, whatever the seed."""
    torch.manual_seed(int.from_bytes(os.urandom(4)))
    return trained(Always(lambda: torch.manual_seed(int.from_bytes(os.urandom(4)))), batch=torch.randn(4, WIDTH))


def _batches(*shapes: tuple[int, int]) -> Iterator[Tensor]:
    yield from (torch.ones(shape) for shape in shapes)


def ends_its_batches_early() -> Workload:
    return trained(Trap(lambda: None), batch=_batches((4, WIDTH), (4, WIDTH)))


def fails_in_its_batches() -> Workload:
    def batches() -> Iterator[Tensor]:
        yield from _batches((4, WIDTH), (4, WIDTH))
        fail()

    return trained(Trap(lambda: None), batch=batches())


def has_no_batches() -> Workload:
    return trained(Trap(lambda: None), batch=_batches())


def has_an_empty_batch() -> Workload:
    return trained(Trap(lambda: None), batch=torch.ones(0, WIDTH))


def changes_shapes_later() -> Workload:
    return trained(Trap(lambda: None), batch=_batches((4, WIDTH), (4, WIDTH), (4, WIDTH + 1)))


def has_nan_labels() -> Workload:
    return Workload(model=Trap(lambda: None), batch=(torch.ones(4, WIDTH), torch.full((4, WIDTH), float("nan"))))


class Locked(Trap):
    """Holds what no pickle can carry."""

    def __init__(self) -> None:
        super().__init__(lambda: None)
        self.lock = threading.Lock()


def segfaults_at_load() -> Workload:
    segfault()
    return good()


def exits_at_load() -> Workload:
    os._exit(3)


def hangs_at_load() -> Workload:
    hang()
    return good()


def allocates_at_load() -> Workload:
    allocate()
    return good()


def raises_at_load() -> Workload:
    fail()
    return good()


def raises_at_once() -> Workload:
    return trained(Trap(fail, at_step=0))


def segfaults_in_bf16() -> Workload:
    return trained(Trap(segfault, dtypes=(torch.bfloat16,)))


def hangs_in_half() -> Workload:
    return trained(Trap(hang, dtypes=HALF))


def crawls_in_half() -> Workload:
    return trained(Always(lambda: time.sleep(20), dtypes=HALF))


class Spoilt(nn.Module):
    """Puts out NaN from a training step on, from its module `middle`."""

    def __init__(self, from_step: int = 1, signal_name: str = "") -> None:
        super().__init__()
        self.first = nn.Linear(WIDTH, WIDTH)
        self.middle = Poison(from_step, signal_name)
        self.last = nn.Linear(WIDTH, WIDTH)

    def forward(self, x: Tensor) -> Tensor:
        output: Tensor = self.last(self.middle(self.first(x)))
        return output


class Poison(nn.Module):
    def __init__(self, from_step: int, signal_name: str) -> None:
        super().__init__()
        self._from_step = from_step
        self._signal = Path(signal_name or "never")
        self.steps = 0

    def forward(self, x: Tensor) -> Tensor:
        self.steps += torch.is_grad_enabled()
        poisoned = self.steps >= self._from_step or self._signal.exists()
        return x * float("nan") if poisoned and torch.is_grad_enabled() else x


def is_nan_at_once() -> Workload:
    return trained(Spoilt())


def is_nan_later() -> Workload:
    return trained(Spoilt(from_step=12))
