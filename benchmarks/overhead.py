"""What a precision costs beside plain PyTorch: autoprec and Lightning Fabric, interleaved in one process.

Of both, the engine is timed, and the precision plugin alone, its hooks called by hand. One step is forward, loss,
backward, optimizer step and `zero_grad`. Each round times the contenders one after another, in rotating order, and
yields one ratio to plain PyTorch per contender; the table shows the median ratio and its interquartile range. All
contenders do the same arithmetic, and the script checks that they end at the same loss.

    python benchmarks/overhead.py [--quick] [--json] [--threads 1]

On a CPU without fp16 arithmetic a float16 matrix product takes some twenty times its float32 time, so `16-mixed` and
`16-true` run on a smaller transformer.
"""

import argparse
import json
import platform
import statistics
import time
import warnings
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

import torch
from lightning_fabric import Fabric
from lightning_fabric.plugins import MixedPrecision as FabricMixedPrecision
from torch import Tensor, nn
from torch.nn.functional import mse_loss
from torch.optim import AdamW, Optimizer

from autoprec_runner.engine import Engine
from autoprec_runner.precision import resolve_precision

TRUE = {"16-true": torch.float16, "bf16-true": torch.bfloat16, "64-true": torch.float64}
MIXED = {"16-mixed": torch.float16, "bf16-mixed": torch.bfloat16}
CONTENDERS = ("autoprec Engine", "Lightning Fabric", "autoprec plugin alone", "Fabric plugin alone")
PLAIN = ("32-true", *MIXED, *TRUE)
"""The precisions that plain PyTorch has."""


@dataclass(frozen=True, kw_only=True)
class Workload:
    """A model, one batch and how often it is stepped."""

    name: str
    model: Callable[[], nn.Module]
    inputs: Callable[[], Tensor]
    rounds: int
    steps_per_round: int
    """Steps that are timed together: many where one is short."""


@dataclass(frozen=True, kw_only=True)
class Ratio:
    """Step time of one contender over that of plain PyTorch in the same round."""

    median: float
    low: float
    """First quartile."""
    high: float
    """Third quartile."""
    extra_microseconds: float
    """Median difference of one step."""


@dataclass(frozen=True, kw_only=True)
class Row:
    """The result of one workload in one precision."""

    workload: str
    precision: str
    plain_microseconds: float
    engine: Ratio
    fabric: Ratio
    plugin: Ratio
    """autoprec's plugin without its engine."""
    fabric_plugin: Ratio
    """Fabric's plugin without Fabric."""
    same_loss: bool


class Contender(Protocol):
    """Something that trains one step on its own copy of the model; returns the loss."""

    def step(self) -> Tensor:
        """Run one step."""


class Plain:
    """Plain PyTorch, with the casts that the precision stands for written out."""

    def __init__(self, workload: Workload, precision: str) -> None:
        self.cast_to = TRUE.get(precision) or MIXED.get(precision)
        self.autocast_to = MIXED.get(precision)
        self.scaler = torch.amp.GradScaler("cpu") if precision == "16-mixed" else None
        self.model = workload.model().to(TRUE.get(precision, torch.float32))
        self.optimizer = make_optimizer(self.model)
        self.x = workload.inputs()

    def step(self) -> Tensor:
        """Run one step."""
        self.optimizer.zero_grad()
        with self.context():
            output = self.model(self.x if self.cast_to is None else self.x.to(self.cast_to))
        if self.cast_to is not None:
            output = output.float()
        loss = mse_loss(output, torch.zeros_like(output))
        if self.scaler is None:
            loss.backward()  # type: ignore[no-untyped-call]
            self.optimizer.step()
        else:
            self.scaler.scale(loss).backward()  # type: ignore[no-untyped-call]
            self.scaler.step(self.optimizer)
            self.scaler.update()
        return loss

    def context(self) -> AbstractContextManager[Any]:
        """Return autocast for the mixed precisions."""
        return nullcontext() if self.autocast_to is None else torch.autocast("cpu", dtype=self.autocast_to)


class Framework:
    """The same step through an engine: autoprec's or Fabric."""

    def __init__(self, engine: Any, workload: Workload) -> None:
        model = workload.model()
        self.backward = engine.backward
        self.model, self.optimizer = engine.setup(model, make_optimizer(model))
        self.x = workload.inputs()

    def step(self) -> Tensor:
        """Run one step."""
        self.optimizer.zero_grad()
        output = self.model(self.x)
        loss = mse_loss(output, torch.zeros_like(output))
        self.backward(loss)
        self.optimizer.step()
        return loss


class Driven:
    """The same step through the hooks of a precision plugin alone, which have the same names in both."""

    def __init__(self, plugin: Any, workload: Workload) -> None:
        self.plugin = plugin
        self.model = plugin.convert_module(workload.model())
        self.optimizer = make_optimizer(self.model)
        self.x = workload.inputs()

    def step(self) -> Tensor:
        """Run one step."""
        plugin = self.plugin
        self.optimizer.zero_grad()
        x = plugin.convert_input(self.x)
        with plugin.forward_context():
            output = self.model(x)
        output = plugin.convert_output(output)
        loss = mse_loss(output, torch.zeros_like(output))
        plugin.backward(loss, self.model)
        plugin.optimizer_step(self.optimizer)
        return loss


def make_optimizer(model: nn.Module) -> Optimizer:
    """Return the optimizer of all contenders; eps suits float16."""
    return AdamW(model.parameters(), lr=1e-4, eps=1e-4)


def make_fabric(precision: Any) -> Any:
    """Return Fabric in `precision`; it would replace 16-mixed on a CPU, hence the plugin."""
    if precision != "16-mixed":
        return Fabric(accelerator="cpu", devices=1, precision=precision)
    return Fabric(accelerator="cpu", devices=1, plugins=make_fabric_plugin(precision))


def make_fabric_plugin(precision: Any) -> Any:
    """Return Fabric's plugin for `precision`."""
    if precision == "16-mixed":
        return FabricMixedPrecision("16-mixed", "cpu", scaler=torch.amp.GradScaler("cpu"))
    return make_fabric(precision)._strategy.precision  # noqa: SLF001 (there is no public way)


def make_mlp() -> nn.Module:
    """Return a tiny MLP: its step is little else than overhead."""
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 128), nn.ReLU(), nn.Linear(128, 10))


def make_transformer(width: int, layers: int) -> nn.Module:
    """Return a transformer encoder without dropout."""
    torch.manual_seed(0)
    layer = nn.TransformerEncoderLayer(width, 8, 4 * width, dropout=0.0, batch_first=True, norm_first=True)
    return nn.TransformerEncoder(layer, layers, enable_nested_tensor=False)


def make_inputs(*shape: int) -> Tensor:
    """Return one batch."""
    return torch.randn(*shape, generator=torch.Generator().manual_seed(1))


def workloads(precision: str, *, quick: bool) -> tuple[Workload, Workload]:
    """Return the tiny MLP and the transformer, sized for `precision` on a CPU."""
    mlp = Workload(
        name="tiny MLP (64-128-128-10, batch 32)",
        model=make_mlp,
        inputs=lambda: make_inputs(32, 64),
        rounds=10 if quick else 60,
        steps_per_round=20 if quick else 50,
    )
    width, layers, tokens = (64, 2, 32) if precision.startswith("16") else (256, 4, 64)
    transformer = Workload(
        name=f"transformer (d={width}, {layers} layers, 4x{tokens} tokens)",
        model=lambda: make_transformer(width, layers),
        inputs=lambda: make_inputs(4, tokens, width),
        rounds=3 if quick else 60,
        steps_per_round=1,
    )
    return mlp, transformer


def measure(workload: Workload, precision: str) -> Row:
    """Time the contenders in interleaved rounds."""
    contenders: list[Contender] = [
        Plain(workload, precision),
        Framework(Engine(precision, accelerator="cpu"), workload),
        Framework(make_fabric(precision), workload),
        Driven(resolve_precision(precision, device="cpu"), workload),
        Driven(make_fabric_plugin(precision), workload),
    ]
    losses = [warm_up(each, workload.steps_per_round) for each in contenders]
    times: list[list[float]] = [[] for _ in contenders]
    for index in range(workload.rounds):
        for shift in range(len(contenders)):
            who = (index + shift) % len(contenders)
            times[who].append(time_steps(contenders[who], workload.steps_per_round))
    plain, engine, fabric, plugin, fabric_plugin = times
    return Row(
        workload=workload.name,
        precision=precision,
        plain_microseconds=statistics.median(plain) * 1e6,
        engine=compare(engine, plain),
        fabric=compare(fabric, plain),
        plugin=compare(plugin, plain),
        fabric_plugin=compare(fabric_plugin, plain),
        same_loss=len(set(losses)) == 1,
    )


def warm_up(contender: Contender, steps: int) -> float:
    """Run some untimed steps and return the last loss."""
    for _ in range(steps):
        contender.step()
    return contender.step().item()


def time_steps(contender: Contender, steps: int) -> float:
    """Return the seconds of one step."""
    start = time.perf_counter()
    for _ in range(steps):
        contender.step()
    return (time.perf_counter() - start) / steps


def compare(times: list[float], plain: list[float]) -> Ratio:
    """Return the ratios of paired rounds."""
    ratios = [one / other for one, other in zip(times, plain, strict=True)]
    low, median, high = statistics.quantiles(ratios, n=4, method="inclusive")
    extra = statistics.median(one - other for one, other in zip(times, plain, strict=True))
    return Ratio(median=median, low=low, high=high, extra_microseconds=extra * 1e6)


def cpu_model() -> str:
    """Return the processor's name."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text(encoding="utf-8").splitlines() if info.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def markdown(rows: list[Row]) -> str:
    """Return the table."""
    machine = f"{cpu_model()}, torch {torch.__version__}, {torch.get_num_threads()} thread(s)."
    lines = [
        f"{machine} Step time over plain PyTorch: median of paired rounds [quartiles], extra time of one step.",
        "",
        f"| workload | precision | plain, µs | {' | '.join(CONTENDERS)} | same loss |",
        "|---|---|--:|---|---|---|---|---|",
    ]
    for row in rows:
        cells = map(cell, (row.engine, row.fabric, row.plugin, row.fabric_plugin))
        same = "yes" if row.same_loss else "no"
        lines.append(
            f"| {row.workload} | {row.precision} | {row.plain_microseconds:,.0f} | {' | '.join(cells)} | {same} |",
        )
    return "\n".join(lines)


def cell(ratio: Ratio) -> str:
    """Return one cell of the table."""
    return f"{ratio.median:.3f} [{ratio.low:.3f}, {ratio.high:.3f}] {ratio.extra_microseconds:+,.0f} µs"


def main() -> None:
    """Measure every precision on both workloads and print the result."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="few rounds: a check that it runs, not a measurement")
    parser.add_argument("--json", action="store_true", help="print JSON in place of a table")
    parser.add_argument("--threads", type=int, default=1, help="threads of torch (default 1)")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    warnings.filterwarnings("ignore", module="lightning_fabric")
    cases = [(precision, index) for index in (0, 1) for precision in PLAIN]
    rows = [measure(workloads(precision, quick=arguments.quick)[index], precision) for precision, index in cases]
    machine = {"cpu": cpu_model(), "torch": torch.__version__, "threads": torch.get_num_threads()}
    print(json.dumps({"machine": machine, "rows": [asdict(row) for row in rows]}) if arguments.json else markdown(rows))


if __name__ == "__main__":
    main()
