"""Workloads that make a study difficult, one factory each. They are run in children only."""

import importlib
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import torch
from torch import Tensor, nn

from autoprec_runner.workload import Workload
from misbehaving import FOREVER_SECONDS, HALF, WIDTH, Always, Spoilt, Trap, fail, hang, linger_in_fp32, plain, trained
from misbehaving import good as good  # noqa: PLC0414 (a factory of these tests, too)
from misbehaving import segfaults_in_bf16 as segfaults_in_bf16  # noqa: PLC0414


def imports_a_library() -> Workload:
    """Notes whether the library was there already."""
    with Path("trace").open("a", encoding="ascii") as file:
        file.write(f"{'sklearn.datasets' in sys.modules}\n")
    importlib.import_module("sklearn.datasets")
    return trained(Trap(lambda: None))


def leads_a_library_by_the_environment() -> Workload:
    os.environ["SKLEARN_SITE_JOBLIB"] = "1"
    return imports_a_library()


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


class Cancelling(nn.Module):
    """Takes the difference of two numbers that are the same in fp32: its loss is finite, and 0."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.full((WIDTH,), 4e-4))

    def forward(self, x: Tensor) -> Tensor:
        return (1e4 + self.weight) - 1e4 * x


def cancels_in_fp32() -> Workload:
    return trained(Cancelling(), batch=torch.ones(4, WIDTH), optimizer=plain)


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
    noise = torch.randn(len(x), 1, generator=torch.Generator().manual_seed(1))  # below which no precision can learn
    target = torch.sin(2048 * x).sum(1, keepdim=True) + noise
    return Workload(
        model=WavesInside(),
        batch=(x, target),
        loss=lambda output, batch: (output - batch[1]).square().mean(),
        optimizer=lambda parameters: torch.optim.SGD(parameters, lr=0.1),
    )


def needs_fp32_in_one_module_in_inference() -> Workload:
    return Workload(model=WavesInside(), batch=_phases(), mode="inference")
