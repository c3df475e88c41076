"""Twenty steps through the engine are, bit for bit, the steps that plain PyTorch code for the same precision makes."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
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

Trajectory = list[tuple[float, list[torch.Tensor]]]


def make_model() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(6, 8), nn.LayerNorm(8), nn.GELU(), nn.Linear(8, 3))


def make_optimizer(model: nn.Module) -> torch.optim.Optimizer:
    return torch.optim.AdamW(model.parameters(), lr=0.01, eps=1e-4)


def batches(count: int = STEPS) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    generator = torch.Generator().manual_seed(1)
    for _ in range(count):
        yield torch.randn(4, 6, generator=generator), torch.randn(4, 3, generator=generator)


class Plain:
    """The same loop as a user of plain PyTorch writes it for each precision."""

    def __init__(self, precision: str, *, cast_inputs: bool = True) -> None:
        self.cast_to = TRUE.get(precision) or (MIXED.get(precision) if cast_inputs else None)
        self.autocast_to = MIXED.get(precision)
        self.model = make_model().to(TRUE.get(precision, torch.float32))
        self.optimizer = make_optimizer(self.model)
        self.scaler = torch.amp.GradScaler("cpu", enabled=precision == "16-mixed")

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
    """The loop through an engine."""

    def __init__(self, precision: str, **options: Any) -> None:
        self.engine = Engine(precision, accelerator="cpu") if not options else self.engine_with(precision, options)
        model = make_model()
        self.model, self.optimizer = self.engine.setup(model, make_optimizer(model))

    @staticmethod
    def engine_with(precision: str, options: dict[str, Any]) -> Engine:
        return Engine(plugins=MixedPrecision(precision, "cpu", **options), accelerator="cpu")

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
    data: Iterator[tuple[torch.Tensor, torch.Tensor]],
    *,
    accumulate: int = 1,
    max_norm: float | None = None,
    clip_val: float | None = None,
) -> Trajectory:
    trajectory = []
    for index, (x, y) in enumerate(data, start=1):
        loss = mse_loss(loop.forward(x), y) / accumulate
        loop.backward(loss)
        if index % accumulate == 0:
            if max_norm is not None or clip_val is not None:
                loop.clip(max_norm, clip_val)
            loop.step()
            loop.optimizer.zero_grad()
        trajectory.append((loss.item(), [each.detach().clone() for each in loop.model.parameters()]))
    return trajectory


def assert_identical(expected: Trajectory, actual: Trajectory) -> None:
    assert [loss for loss, _ in expected] == [loss for loss, _ in actual]
    for (_, one), (_, other) in zip(expected, actual, strict=True):
        assert [each.dtype for each in one] == [each.dtype for each in other]
        assert all(map(torch.equal, one, other))


@pytest.mark.parametrize("precision", ["32-true", *TRUE, *MIXED])
@pytest.mark.parametrize(
    "options",
    [{}, {"max_norm": 0.3}, {"clip_val": 0.05}, {"accumulate": 2}, {"accumulate": 4, "max_norm": 0.3}],
    ids=str,
)
def test_twenty_steps_are_those_of_plain_pytorch(precision: str, options: dict[str, Any]) -> None:
    expected = train(Plain(precision), batches(), **options)
    assert len({loss for loss, _ in expected}) > 1
    assert_identical(expected, train(Through(precision), batches(), **options))


@pytest.mark.parametrize("precision", MIXED)
def test_plain_autocast_is_matched_without_casting_inputs(precision: str) -> None:
    expected = train(Plain(precision, cast_inputs=False), batches())
    assert_identical(expected, train(Through(precision, cast_inputs=False), batches()))


@pytest.mark.parametrize("precision", ["32-true", *TRUE, *MIXED])
def test_a_resumed_run_goes_on_as_if_it_had_not_stopped(precision: str, tmp_path: Path) -> None:
    expected = train(Plain(precision), batches(), max_norm=0.3)
    data = batches()
    first = Through(precision)
    before = train(first, (next(data) for _ in range(STEPS // 2)), max_norm=0.3)
    first.engine.save(tmp_path / "run.ckpt", {"model": first.model, "optimizer": first.optimizer})
    second = Through(precision)
    second.engine.load(tmp_path / "run.ckpt", {"model": second.model, "optimizer": second.optimizer})
    assert_identical(expected, before + train(second, data, max_norm=0.3))
