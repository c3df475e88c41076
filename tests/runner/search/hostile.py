"""Workloads that misbehave, one factory each. They are run in children only.

Every model counts its training steps (forward passes with gradients), so that trying it out does not count. One thread:
on a busy machine, several wait for each other for longer than a tiny step takes.
"""

import ctypes
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import torch
from torch import Tensor, nn

from autoprec_runner.workload import Workload

torch.set_num_threads(1)

WIDTH = 8
FOREVER_SECONDS = 600.0
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
    batch: Tensor | None = None,
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


def dawdles_in_half() -> Workload:
    """Slower in half precision by a factor that keeps it out of the race."""
    return trained(Always(lambda: time.sleep(0.05), dtypes=HALF))


def takes_a_second() -> Workload:
    return trained(Always(lambda: time.sleep(1)))


def takes_half_a_second() -> Workload:
    return trained(Always(lambda: time.sleep(0.5)))


def takes_minutes() -> Workload:
    return trained(Always(lambda: time.sleep(100)))


class Signalled(Trap):
    """Springs at the first step after a file of this name has appeared in the working folder. Slower in fp32."""

    def __init__(self, name: str, spring: Callable[[], object], *, dtypes: tuple[torch.dtype, ...] = ()) -> None:
        super().__init__(spring, dtypes=dtypes)
        self._signal = Path(name)

    def forward(self, x: Tensor) -> Tensor:
        self._at_step = self.steps + 1 if self._signal.exists() else -1
        linger_in_fp32(x)
        return super().forward(x)


class Ranked(Signalled):
    """Fast in bf16, slower in fp16 than what may race, slowest in fp32."""

    def forward(self, x: Tensor) -> Tensor:
        time.sleep(0.003 if x.dtype is torch.float16 else 0)
        return super().forward(x)


def leaves_it_to_the_second_best() -> Workload:
    return trained(Ranked("verify", fail, dtypes=(torch.bfloat16,)), optimizer=plain)


def raises_in_the_race() -> Workload:
    return trained(Signalled("race", fail), optimizer=plain)


def raises_in_verification() -> Workload:
    return trained(Signalled("verify", fail), optimizer=plain)


def raises_in_the_race_in_bf16() -> Workload:
    return trained(Signalled("race", fail, dtypes=(torch.bfloat16,)), optimizer=plain)


def raises_in_verification_in_bf16() -> Workload:
    return trained(Signalled("verify", fail, dtypes=(torch.bfloat16,)), optimizer=plain)


def hangs_in_verification_in_bf16() -> Workload:
    return trained(Signalled("verify", hang, dtypes=(torch.bfloat16,)), optimizer=plain)


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


def is_nan_in_verification() -> Workload:
    return trained(Spoilt(from_step=10**9, signal_name="verify"))


class Overflowing(nn.Module):
    """Its module `encoder.big` puts out 80,000, which fp16 cannot hold; nothing after it shows that."""

    def __init__(self) -> None:
        super().__init__()
        big = nn.Linear(WIDTH, WIDTH, bias=False)
        nn.init.constant_(big.weight, 1e4)
        self.encoder = nn.ModuleDict({"big": big.requires_grad_(requires_grad=False), "squash": nn.Tanh()})
        self.head = nn.Linear(WIDTH, WIDTH)

    def forward(self, x: Tensor) -> Tensor:
        output: Tensor = self.head(self.encoder["squash"](self.encoder["big"](x)))
        return output


class Crawling(Overflowing):
    """Too slow in fp16 to show that it overflows there."""

    def forward(self, x: Tensor) -> Tensor:
        time.sleep(20 if x.dtype is torch.float16 else 0)
        return super().forward(x)


def overflows_in_fp16_too_slowly() -> Workload:
    return trained(Crawling(), batch=torch.ones(4, WIDTH))


def overflows_in_fp16_unseen() -> Workload:
    return trained(Overflowing(), batch=torch.ones(4, WIDTH))


def overflows_in_fp16_in_inference() -> Workload:
    return Workload(model=Overflowing(), batch=torch.ones(4, WIDTH), mode="inference")


class Exponential(nn.Module):
    """Needs fp64: exp(100) is beyond fp32."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.full((WIDTH,), 100.0))

    def forward(self, x: Tensor) -> Tensor:
        return (self.scale * x.abs().clamp(1, 1)).exp().sum().log()


def needs_fp64() -> Workload:
    return trained(Exponential(), optimizer=plain)


class Rows(nn.Module):
    """Most rows of its embedding never get a gradient: Adam divides 0 by its eps, which is 0 in fp16."""

    def __init__(self) -> None:
        super().__init__()
        self.rows = nn.Embedding(16, WIDTH)

    def forward(self, ids: Tensor) -> Tensor:
        output: Tensor = self.rows(ids)
        return output


def has_an_eps_below_fp16() -> Workload:
    batch = torch.tensor([[1, 2, 3]])
    return Workload(
        model=Rows(),
        batch=batch,
        loss=lambda output, _: output.square().mean(),
        optimizer=lambda parameters: torch.optim.Adam(parameters, lr=1e-3, eps=1e-8),
    )


class Slope(nn.Module):
    """A weight whose updates are smaller than half the distance between neighbours in bf16."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.full((WIDTH,), 1.0))

    def forward(self, x: Tensor) -> Tensor:
        linger_in_fp32(x)
        return self.weight * x


def learns_in_tiny_steps() -> Workload:
    return Workload(
        model=Slope(),
        batch=torch.ones(4, WIDTH),
        loss=lambda output, _: output.sum(1).mean(),
        optimizer=plain,
    )


class Heavy(nn.Module):
    """Holds 64 MiB of weights."""

    def __init__(self) -> None:
        super().__init__()
        self.table = nn.Parameter(torch.ones(16 << 20))

    def forward(self, x: Tensor) -> Tensor:
        return x * self.table[:WIDTH]


def is_heavy() -> Workload:
    return trained(Heavy(), optimizer=plain)


class Argmax(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(WIDTH, WIDTH)

    def forward(self, x: Tensor) -> Tensor:
        linger_in_fp32(x)
        return torch.argmax(self.linear(x), -1)


def puts_out_integers() -> Workload:
    return Workload(model=Argmax(), batch=torch.ones(4, WIDTH), mode="inference")


class NotANumber(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(WIDTH, WIDTH)

    def forward(self, x: Tensor) -> Tensor:
        return torch.log(-self.linear(x).abs() - 1)


def puts_out_nan() -> Workload:
    return Workload(model=NotANumber(), batch=torch.ones(4, WIDTH), mode="inference")


class Traced(Trap):
    """Writes the dtype of its input to `trace` in the working folder at every training step."""

    def forward(self, x: Tensor) -> Tensor:
        if torch.is_grad_enabled():
            with Path("trace").open("a", encoding="ascii") as file:
                file.write(f"{x.dtype}\n")
        time.sleep(0.002)
        return super().forward(x)


def is_traced() -> Workload:
    return trained(Traced(lambda: None))


def interrupt() -> None:
    """Press Ctrl-C in the process that asked, in the middle of a step."""
    os.kill(psutil.Process(os.getppid()).ppid(), signal.SIGINT)
    time.sleep(FOREVER_SECONDS)


def interrupts_in_bf16() -> Workload:
    return trained(Trap(interrupt, dtypes=(torch.bfloat16,)))


def interrupts_at_load() -> Workload:
    interrupt()
    return good()


def kills_the_server_in_bf16() -> Workload:
    return trained(Trap(lambda: os.kill(os.getppid(), signal.SIGKILL), dtypes=(torch.bfloat16,)))


def stumbles_once_in_fp64() -> Workload:
    """Its first run in fp64 is disturbed, the second is not."""

    def stumble() -> None:
        mark = Path("stumbled")
        if not mark.exists():
            mark.touch()
            time.sleep(FOREVER_SECONDS)

    return trained(Trap(stumble, dtypes=(torch.float64,)))


class Hot(nn.Module):
    """Puts out numbers that fp16 does not hold."""

    def forward(self, x: Tensor) -> Tensor:
        return (1000 * x) ** 2 + 1e5


class HotInside(nn.Module):
    """Overflows in one module in fp16; the rest is harmless, and slow without half precision."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(WIDTH, WIDTH)
        self.middle = nn.Sequential(nn.ReLU(), Hot())
        self.last = nn.Linear(WIDTH, 1)

    def forward(self, x: Tensor) -> Tensor:
        if not torch.is_autocast_enabled("cpu") and self.last.weight.dtype is torch.float32:
            time.sleep(0.01)
        output: Tensor = self.last(self.middle(self.first(x)) / 1e6)
        return output


def overflows_in_one_module() -> Workload:
    return trained(HotInside(), optimizer=plain)


def overflows_in_one_module_in_inference() -> Workload:
    return Workload(model=HotInside(), batch=torch.ones(4, WIDTH), mode="inference")


class Waves(nn.Module):
    """Puts out nothing but noise if its input is rounded."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.sin(2048 * x)


class WavesInside(nn.Module):
    """Needs fp32 in one module; slow without half precision."""

    def __init__(self) -> None:
        super().__init__()
        self.waves = Waves()
        self.last = nn.Linear(WIDTH, 1)

    def forward(self, x: Tensor) -> Tensor:
        if not torch.is_autocast_enabled("cpu"):
            time.sleep(0.01)
        output: Tensor = self.last(self.waves(x))
        return output


def _phases() -> Tensor:
    return torch.rand(64, WIDTH, generator=torch.Generator().manual_seed(0))


def needs_fp32_in_one_module() -> Workload:
    x = _phases()
    target = torch.sin(2048 * x).sum(1, keepdim=True)
    return Workload(
        model=WavesInside(),
        batch=(x, target),
        loss=lambda output, batch: (output - batch[1]).square().mean(),
        optimizer=lambda parameters: torch.optim.SGD(parameters, lr=0.1),
    )


def needs_fp32_in_one_module_in_inference() -> Workload:
    return Workload(model=WavesInside(), batch=_phases(), mode="inference")
