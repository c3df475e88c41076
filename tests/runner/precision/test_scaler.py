import copy
from typing import Any

import pytest
import torch
from torch import nn

from autoprec_runner.errors import PrecisionError
from autoprec_runner.precision import MixedPrecision

INF = float("inf")


def plugin_with(scale: float = 2.0**16, **options: Any) -> MixedPrecision:
    return MixedPrecision("16-mixed", "cpu", scaler=torch.amp.GradScaler("cpu", init_scale=scale, **options))


def scale_of(plugin: MixedPrecision) -> float:
    assert plugin.scaler is not None
    return plugin.scaler.get_scale()


def layer_and_optimizer(**options: Any) -> tuple[nn.Linear, torch.optim.Optimizer]:
    torch.manual_seed(0)
    layer = nn.Linear(2, 1)
    return layer, torch.optim.SGD(layer.parameters(), lr=0.1, **options)


def backward(plugin: MixedPrecision, layer: nn.Linear, factor: float = 1.0) -> None:
    plugin.backward(layer(torch.ones(1, 2)).sum() * factor)


def gradient(layer: nn.Linear) -> torch.Tensor:
    assert layer.weight.grad is not None
    return layer.weight.grad


def test_gradients_are_scaled_until_they_are_unscaled_and_only_once() -> None:
    plugin = plugin_with(1024.0)
    layer, optimizer = layer_and_optimizer()
    backward(plugin, layer)
    assert torch.equal(torch.full((1, 2), 1024.0), gradient(layer))
    plugin.unscale_gradients(optimizer)
    plugin.unscale_gradients(optimizer)
    plugin.clip_gradients(layer, optimizer, max_norm=100.0)
    plugin.clip_gradients(layer, optimizer, clip_val=100.0)
    assert torch.equal(torch.ones(1, 2), gradient(layer))


def test_clipping_sees_unscaled_gradients() -> None:
    plugin = plugin_with()
    layer, optimizer = layer_and_optimizer()
    backward(plugin, layer)
    norm = plugin.clip_gradients(layer, optimizer, max_norm=0.5)
    assert norm is not None
    assert pytest.approx(3**0.5) == norm.item()


def test_gradients_added_after_unscaling_are_refused_at_the_next_clipping() -> None:
    plugin = plugin_with()
    layer, optimizer = layer_and_optimizer()
    backward(plugin, layer)
    plugin.clip_gradients(layer, optimizer, max_norm=1.0)
    backward(plugin, layer)
    with pytest.raises(PrecisionError, match="once a step, after the last backward"):
        plugin.clip_gradients(layer, optimizer, max_norm=1.0)


def test_a_step_that_is_skipped_changes_no_parameter_halves_the_scale_and_can_be_seen() -> None:
    plugin = plugin_with(1024.0)
    layer, optimizer = layer_and_optimizer()
    before = copy.deepcopy(layer.state_dict())
    backward(plugin, layer, INF)
    plugin.optimizer_step(optimizer)
    assert plugin.last_step_skipped
    assert scale_of(plugin) == 512.0
    assert all(torch.equal(before[name], layer.state_dict()[name]) for name in before)
    optimizer.zero_grad()
    backward(plugin, layer)
    plugin.optimizer_step(optimizer)
    assert not plugin.last_step_skipped
    assert not torch.equal(before["weight"], layer.weight)


def test_an_overflow_passes_clipping_and_is_skipped_by_the_step() -> None:
    plugin = plugin_with()
    layer, optimizer = layer_and_optimizer()
    backward(plugin, layer, INF)
    plugin.clip_gradients(layer, optimizer, max_norm=1.0)
    plugin.optimizer_step(optimizer)
    assert plugin.last_step_skipped
    assert torch.isfinite(layer.weight).all()


def test_clipping_can_be_told_to_refuse_an_overflow() -> None:
    plugin = plugin_with()
    layer, optimizer = layer_and_optimizer()
    backward(plugin, layer, INF)
    with pytest.raises(RuntimeError, match="non-finite"):
        plugin.clip_gradients(layer, optimizer, max_norm=1.0, error_if_nonfinite=True)


def test_the_scale_grows_after_enough_steps() -> None:
    plugin = plugin_with(4.0, growth_interval=2)
    layer, optimizer = layer_and_optimizer()
    for _ in range(2):
        backward(plugin, layer)
        plugin.optimizer_step(optimizer)
    assert scale_of(plugin) == 8.0


def test_optimizers_that_were_clipped_together_share_one_update_of_the_scale() -> None:
    plugin = plugin_with(1024.0)
    (first, one), (second, two) = layer_and_optimizer(), layer_and_optimizer()
    backward(plugin, first, INF)
    backward(plugin, second)
    for layer, optimizer in ((second, two), (first, one)):
        plugin.clip_gradients(layer, optimizer, max_norm=100.0)
    plugin.optimizer_step(one)
    assert plugin.last_step_skipped
    assert scale_of(plugin) == 1024.0
    plugin.optimizer_step(two)
    assert not plugin.last_step_skipped
    assert scale_of(plugin) == 512.0
    assert torch.equal(torch.ones(1, 2), gradient(second))


def test_optimizers_that_step_on_one_loss_share_one_update_without_clipping_too() -> None:
    plugin = plugin_with(4.0, growth_interval=2)
    (first, one), (second, two) = layer_and_optimizer(), layer_and_optimizer()
    for _ in range(2):
        first.zero_grad()
        second.zero_grad()
        plugin.backward((first(torch.ones(1, 2)) + second(torch.ones(1, 2))).sum())
        plugin.optimizer_step(one)
        plugin.optimizer_step(two)
    assert torch.equal(first.weight, second.weight)
    assert torch.equal(torch.ones(1, 2), gradient(second))


def test_an_optimizer_that_was_clipped_but_not_stepped_does_not_hold_the_scale_back() -> None:
    plugin = plugin_with(1024.0)
    (first, one), (second, two) = layer_and_optimizer(), layer_and_optimizer()
    backward(plugin, first, INF)
    backward(plugin, second)
    plugin.clip_gradients(second, two, max_norm=1.0)
    plugin.optimizer_step(one)
    assert plugin.state_dict()["scale"] == 512.0
    backward(plugin, first)
    plugin.optimizer_step(one)
    assert plugin.last_step_skipped, "its gradients were never zeroed"


def test_a_step_without_a_scaled_loss_is_refused() -> None:
    plugin = plugin_with()
    layer, optimizer = layer_and_optimizer()
    layer(torch.ones(1, 2)).sum().backward()
    with pytest.raises(PrecisionError, match=r"engine\.backward"):
        plugin.optimizer_step(optimizer)
    backward(plugin, layer)
    plugin.optimizer_step(optimizer)
    layer(torch.ones(1, 2)).sum().backward()
    with pytest.raises(PrecisionError, match="no loss was scaled since its last step"):
        plugin.optimizer_step(optimizer)


def test_lbfgs_and_closures_are_refused_by_name() -> None:
    plugin = plugin_with()
    layer, sgd = layer_and_optimizer()
    with pytest.raises(PrecisionError, match="LBFGS with a closure"):
        plugin.optimizer_step(torch.optim.LBFGS(layer.parameters()), closure=lambda: 0.0)
    with pytest.raises(PrecisionError, match="SGD with a closure"):
        plugin.optimizer_step(sgd, closure=lambda: 0.0)


def test_a_disabled_scaler_scales_nothing_and_takes_closures() -> None:
    plugin = plugin_with(enabled=False)
    layer, optimizer = layer_and_optimizer()
    backward(plugin, layer)
    assert not plugin.scales_loss
    assert torch.equal(torch.ones(1, 2), gradient(layer))
    plugin.unscale_gradients(optimizer)
    assert plugin.optimizer_step(optimizer, closure=lambda: 3.0) == 3.0


def test_a_fused_optimizer_can_be_clipped() -> None:
    results = []
    for fused in (False, True):
        plugin = plugin_with()
        layer, optimizer = layer_and_optimizer(fused=fused)
        backward(plugin, layer)
        plugin.clip_gradients(layer, optimizer, max_norm=0.5)
        plugin.optimizer_step(optimizer)
        results.append(layer.weight.detach())
    assert torch.equal(*results)


@pytest.mark.parametrize("fused", [False, True])
def test_a_fused_optimizer_skips_too(fused: bool) -> None:  # noqa: FBT001
    plugin = plugin_with()
    layer, optimizer = layer_and_optimizer(fused=fused)
    before = layer.weight.detach().clone()
    backward(plugin, layer, INF)
    plugin.optimizer_step(optimizer)
    assert plugin.last_step_skipped
    assert torch.equal(before, layer.weight)


def test_the_state_of_the_scaler_goes_round() -> None:
    plugin, fresh = plugin_with(256.0), plugin_with()
    layer, optimizer = layer_and_optimizer()
    backward(plugin, layer)
    plugin.optimizer_step(optimizer)
    fresh.load_state_dict(plugin.state_dict())
    assert (256.0, 1) == (fresh.state_dict()["scale"], fresh.state_dict()["_growth_tracker"])
    assert plugin.state_dict() == fresh.state_dict()


def test_the_state_of_a_run_without_a_scaler_leaves_the_scaler_as_it_is() -> None:
    plugin = plugin_with(256.0)
    plugin.load_state_dict({})
    assert scale_of(plugin) == 256.0
    MixedPrecision("bf16-mixed", "cpu").load_state_dict(plugin.state_dict())
