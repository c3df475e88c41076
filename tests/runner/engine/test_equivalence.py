"""Twenty steps through the engine are, bit for bit, the steps that plain PyTorch code for the same precision makes."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from torch.nn.functional import mse_loss
from torch.nn.utils import clip_grad_norm_, clip_grad_value_

from autoprec_runner.engine import Engine
from autoprec_runner.precision import MixedPrecision

STEPS = 20
TRUE = {"16-true": torch.float16, "bf16-true": torch.bfloat16, "64-true": torch.float64}
MIXED = {"16-mixed": torch.float16, "bf16-mixed": torch.bfloat16}

OPTIMIZERS: dict[str, Callable[[nn.Module], torch.optim.Optimizer]] = {
    "sgd": lambda model: torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9),
    "adamw": lambda model: torch.optim.AdamW(model.parameters(), lr=0.01, eps=1e-4),
}
RHYTHMS: dict[str, dict[str, Any]] = {
    "plain": {},
    "clip by norm": {"max_norm": 0.3},
    "clip by value": {"clip_val": 0.05},
    "accumulate": {"accumulate": 2},
    "accumulate and clip": {"accumulate": 4, "max_norm": 0.3},
}
Batch = tuple[torch.Tensor, torch.Tensor]
Trajectory = list[tuple[float, list[torch.Tensor]]]


@dataclass(frozen=True, kw_only=True)
class Case:
    """A precision that plain PyTorch has too."""

    precision: str
    cast_inputs: bool = True
    growth_interval: int | None = None

    def __str__(self) -> str:
        return self.precision if self.cast_inputs else f"{self.precision} without casting inputs"

    def scaler(self) -> torch.amp.GradScaler | None:
        if self.precision != "16-mixed":
            return None
        return torch.amp.GradScaler("cpu", growth_interval=self.growth_interval or 2000)


CASES = [
    *(Case(precision=each) for each in ("32-true", *TRUE, *MIXED)),
    *(Case(precision=each, cast_inputs=False) for each in MIXED),
]


def make_model() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(6, 8), nn.LayerNorm(8), nn.GELU(), nn.Linear(8, 3))


def batches(count: int = STEPS) -> Iterator[Batch]:
    generator = torch.Generator().manual_seed(1)
    for _ in range(count):
        yield torch.randn(4, 6, generator=generator), torch.randn(4, 3, generator=generator)


class Plain:
    """The same loop as a user of plain PyTorch writes it for each precision."""

    def __init__(self, case: Case, optimizer: str) -> None:
        self.cast_to = TRUE.get(case.precision) or (MIXED.get(case.precision) if case.cast_inputs else None)
        self.autocast_to = MIXED.get(case.precision)
        self.model = make_model().to(TRUE.get(case.precision, torch.float32))
        self.optimizer = OPTIMIZERS[optimizer](self.model)
        self.scaler = case.scaler() or torch.amp.GradScaler("cpu", enabled=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        context: AbstractContextManager[Any] = nullcontext()
        if self.autocast_to is not None:
            context = torch.autocast("cpu", dtype=self.autocast_to)
        with context:
            output: torch.Tensor = self.model(x if self.cast_to is None else x.to(self.cast_to))
        return output.float()

    def backward(self, loss: torch.Tensor) -> None:
        self.scaler.scale(loss).backward()  # type: ignore[no-untyped-call]

    def clip(self, max_norm: float | None, clip_val: float | None) -> None:
        self.scaler.unscale_(self.optimizer)
        if max_norm is not None:
            clip_grad_norm_(self.model.parameters(), max_norm)
        if clip_val is not None:
            clip_grad_value_(self.model.parameters(), clip_val)

    def step(self) -> None:
        self.scaler.step(self.optimizer)
        self.scaler.update()


class Through:
    """The loop through an engine: from the precision string, or from a plugin where there is more to say."""

    def __init__(self, case: Case, optimizer: str) -> None:
        precision: Any = case.precision
        if not case.cast_inputs or case.growth_interval:
            precision = MixedPrecision(case.precision, "cpu", case.scaler(), cast_inputs=case.cast_inputs)
        self.engine = Engine(precision, accelerator="cpu")
        model = make_model()
        self.model, self.optimizer = self.engine.setup(model, OPTIMIZERS[optimizer](model))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        output: torch.Tensor = self.model(x)
        return output

    def backward(self, loss: torch.Tensor) -> None:
        self.engine.backward(loss)

    def clip(self, max_norm: float | None, clip_val: float | None) -> None:
        self.engine.clip_gradients(self.model, self.optimizer, max_norm=max_norm, clip_val=clip_val)

    def step(self) -> None:
        self.optimizer.step()


def train(
    loop: Plain | Through,
    data: Iterator[Batch],
    *,
    accumulate: int = 1,
    max_norm: float | None = None,
    clip_val: float | None = None,
    spikes: frozenset[int] = frozenset(),
) -> Trajectory:
    """Train on all batches; the loss of those in `spikes` is too large for float16."""
    trajectory = []
    for index, (x, y) in enumerate(data, start=1):
        loss = mse_loss(loop.forward(x), y) / accumulate
        loop.backward(loss * (1e30 if index in spikes else 1.0))
        if index % accumulate == 0:
            if max_norm is not None or clip_val is not None:
                loop.clip(max_norm, clip_val)
            loop.step()
            loop.optimizer.zero_grad()
        trajectory.append((loss.item(), [each.detach().clone() for each in loop.model.parameters()]))
    return trajectory


def resumed(case: Case, optimizer: str, path: Path, **options: Any) -> tuple[Trajectory, Through]:
    """Train half of the way, save, and let another engine with a fresh model load it and go on."""
    data, half = batches(), STEPS // 2
    first = Through(case, optimizer)
    before = train(first, islice(data, half), **options)
    first.engine.save(path, {"model": first.model, "optimizer": first.optimizer})
    second = Through(case, optimizer)
    second.engine.load(path, {"model": second.model, "optimizer": second.optimizer})
    rest = {**options, "spikes": frozenset(each - half for each in options.get("spikes", ()))}
    return before + train(second, data, **rest), second


def assert_identical(expected: Trajectory, actual: Trajectory) -> None:
    assert [loss for loss, _ in expected] == [loss for loss, _ in actual]
    for (_, one), (_, other) in zip(expected, actual, strict=True):
        assert [each.dtype for each in one] == [each.dtype for each in other]
        assert all(map(torch.equal, one, other))


@pytest.mark.parametrize("case", CASES, ids=str)
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("rhythm", RHYTHMS)
class TestTwentySteps:
    def test_are_those_of_plain_pytorch(self, case: Case, optimizer: str, rhythm: str) -> None:
        expected = train(Plain(case, optimizer), batches(), **RHYTHMS[rhythm])
        assert len({loss for loss, _ in expected}) > 1
        assert_identical(expected, train(Through(case, optimizer), batches(), **RHYTHMS[rhythm]))

    def test_go_on_from_a_checkpoint_as_if_they_had_not_stopped(
        self,
        case: Case,
        optimizer: str,
        rhythm: str,
        tmp_path: Path,
    ) -> None:
        options = RHYTHMS[rhythm]
        if STEPS // 2 % options.get("accumulate", 1):
            options = {**options, "accumulate": 2}  # a checkpoint holds no gradients
        expected = train(Plain(case, optimizer), batches(), **options)
        assert_identical(expected, resumed(case, optimizer, tmp_path / "run.ckpt", **options)[0])


@pytest.mark.parametrize("cast_inputs", [True, False])
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("rhythm", ["plain", "clip by norm", "accumulate"])
def test_skipped_steps_and_the_state_of_the_scaler_are_those_of_plain_pytorch(
    cast_inputs: bool,  # noqa: FBT001
    optimizer: str,
    rhythm: str,
    tmp_path: Path,
) -> None:
    case = Case(precision="16-mixed", cast_inputs=cast_inputs, growth_interval=3)
    options = {**RHYTHMS[rhythm], "spikes": frozenset({4, 9, 14})}
    plain = Plain(case, optimizer)
    expected = train(plain, batches(), **options)
    actual, second = resumed(case, optimizer, tmp_path / "run.ckpt", **options)
    assert_identical(expected, actual)
    assert plain.scaler.state_dict() == second.engine.precision_plugin.state_dict()
    assert all(map(torch.equal, expected[2][1], expected[3][1])), "the fourth step was not skipped"
