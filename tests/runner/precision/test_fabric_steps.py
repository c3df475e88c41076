"""Backward, steps, closures and the gradient scaler side by side with Lightning Fabric's plugins, driven by hand."""

from dataclasses import dataclass, field
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from autoprec_runner.errors import PrecisionError
from autoprec_runner.precision import MixedPrecision, resolve_precision

fabric = pytest.importorskip("lightning_fabric.plugins.precision", reason="compares with Lightning Fabric")

FABRIC: dict[str, Any] = {
    "32-true": fabric.Precision,
    "64-true": fabric.DoublePrecision,
    "16-true": lambda: fabric.HalfPrecision("16-true"),
    "bf16-true": lambda: fabric.HalfPrecision("bf16-true"),
    "16-mixed": lambda: fabric.MixedPrecision("16-mixed", "cpu"),
    "bf16-mixed": lambda: fabric.MixedPrecision("bf16-mixed", "cpu"),
}


def pair(precision: str) -> tuple[Any, Any]:
    return resolve_precision(precision), FABRIC[precision]()


@dataclass
class Run:
    """A plugin with a layer and an optimizer, driven by hand."""

    plugin: Any
    optimizer: Any = torch.optim.SGD
    options: dict[str, Any] = field(default_factory=lambda: {"lr": 0.1})

    def __post_init__(self) -> None:
        torch.manual_seed(0)
        self.layer = self.plugin.convert_module(nn.Linear(3, 2))
        self.optimizer = self.optimizer(self.layer.parameters(), **self.options)

    def backward(self, factor: float = 1.0) -> Any:
        self.optimizer.zero_grad()
        x = torch.randn(4, 3, generator=torch.Generator().manual_seed(1))
        with self.plugin.forward_context():
            output = self.layer(self.plugin.convert_input(x))
        loss = self.plugin.convert_output(output).square().mean() * factor
        self.plugin.backward(loss, self.layer)
        return loss.item()

    def step(self, **kwargs: Any) -> Any:
        return self.plugin.optimizer_step(self.optimizer, **kwargs)

    def gradients(self) -> list[Tensor]:
        return [each.grad.clone() for each in self.layer.parameters()]


def runs(precision: str, **options: Any) -> tuple[Run, Run]:
    ours, theirs = pair(precision)
    return Run(ours, **options), Run(theirs, **options)


def same(one: Any, other: Any) -> bool:
    return all(map(torch.equal, one, other))


@pytest.mark.parametrize("precision", FABRIC)
@pytest.mark.parametrize("optimizer", [torch.optim.SGD, torch.optim.AdamW, torch.optim.RMSprop])
def test_losses_gradients_and_parameters_are_the_same(precision: str, optimizer: Any) -> None:
    ours, theirs = runs(precision, optimizer=optimizer, options={"lr": 0.01})
    for _ in range(5):
        assert theirs.backward() == ours.backward()
        assert same(theirs.gradients(), ours.gradients())
        assert theirs.step() is None is ours.step()
    assert same(theirs.layer.parameters(), ours.layer.parameters())


@pytest.mark.parametrize("precision", FABRIC)
def test_backward_hands_its_arguments_on(precision: str) -> None:
    for run in runs(precision):
        with run.plugin.forward_context():
            loss = run.layer(run.plugin.convert_input(torch.ones(1, 3))).sum()
        run.plugin.backward(loss, None, retain_graph=True)
        run.plugin.backward(loss, model=run.layer)
        with pytest.raises(RuntimeError, match="second time"):
            run.plugin.backward(loss, run.layer)


@pytest.mark.parametrize("precision", [each for each in FABRIC if each != "16-mixed"])
@pytest.mark.parametrize("optimizer", [torch.optim.SGD, torch.optim.LBFGS])
def test_a_step_returns_what_its_closure_returns(precision: str, optimizer: Any) -> None:
    results = []
    for run in runs(precision, optimizer=optimizer):
        calls: list[float] = []

        def closure(run: Run = run, calls: list[float] = calls) -> float:
            calls.append(run.backward())
            return calls[-1]

        results.append((float(run.step(closure=closure)), calls, *map(Tensor.tolist, run.layer.parameters())))
    assert results[1] == results[0]
    assert results[0][1]


@pytest.mark.parametrize("optimizer", [torch.optim.SGD, torch.optim.LBFGS])
def test_a_scaler_refuses_closures_with_the_type_of_error_that_fabric_raises(optimizer: Any) -> None:
    ours, theirs = (Run(each, optimizer) for each in pair("16-mixed"))
    with pytest.raises((TypeError, RuntimeError)) as expected:
        theirs.step(closure=lambda: 0.0)
    with pytest.raises(expected.type, match=f"{optimizer.__name__} with a closure"):
        ours.step(closure=lambda: 0.0)


def test_lbfgs_is_refused_under_a_scaler_without_a_closure_too() -> None:
    ours, theirs = (Run(each, torch.optim.LBFGS) for each in pair("16-mixed"))
    for run in (ours, theirs):
        with pytest.raises(TypeError, match="LBFGS"):
            run.step()


@pytest.mark.parametrize("factors", [(1, 1, 1, 1), (1, float("inf"), 1), (float("nan"), 1, float("inf"), float("inf"))])
def test_scales_skips_and_growth_are_the_same(factors: tuple[float, ...]) -> None:
    scalers = [torch.amp.GradScaler("cpu", init_scale=1024.0, growth_interval=2) for _ in range(2)]
    ours = Run(MixedPrecision("16-mixed", "cpu", scalers[0]))
    theirs = Run(fabric.MixedPrecision("16-mixed", "cpu", scalers[1]))
    for factor in factors:
        for run in (ours, theirs):
            run.backward(factor)
            run.step()
        assert theirs.plugin.state_dict() == ours.plugin.state_dict()
        assert same(theirs.layer.parameters(), ours.layer.parameters())
    assert ours.plugin.scaler is scalers[0]


def test_a_state_that_fabric_saved_is_taken_over() -> None:
    ours, theirs = runs("16-mixed")
    theirs.backward(float("inf"))
    theirs.step()
    ours.plugin.load_state_dict(theirs.plugin.state_dict())
    assert theirs.plugin.scaler.get_scale() == ours.plugin.scaler.get_scale() == 32768.0
    theirs.plugin.load_state_dict(ours.plugin.state_dict())


@pytest.mark.parametrize("precision", FABRIC)
def test_gradients_are_unscaled_alike_and_main_params_are_the_parameters(precision: str) -> None:
    ours, theirs = runs(precision)
    for run in (ours, theirs):
        run.backward()
        run.plugin.unscale_gradients(run.optimizer)
        assert list(run.layer.parameters()) == list(run.plugin.main_params(run.optimizer))
    assert same(theirs.gradients(), ours.gradients())


def test_unscaling_before_any_loss_was_scaled_is_refused() -> None:
    ours, theirs = runs("16-mixed")
    with pytest.raises(AssertionError):
        theirs.plugin.unscale_gradients(theirs.optimizer)
    with pytest.raises(PrecisionError, match="Call backward through the engine"):
        ours.plugin.unscale_gradients(ours.optimizer)
