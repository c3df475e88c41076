import copy
import pickle
from typing import Any

import pytest
import torch
from torch import nn
from torch.optim import LBFGS, SGD, AdamW, Optimizer
from torch.optim.lr_scheduler import CosineAnnealingLR, LambdaLR, OneCycleLR, ReduceLROnPlateau, StepLR

from autoprec_runner.engine import Engine
from autoprec_runner.errors import PrecisionError
from autoprec_runner.optimizer import EngineOptimizer, unwrapped


def engine(precision: str = "32-true") -> Engine:
    return Engine(precision, accelerator="cpu")


def setup(run: Engine, make: Any = SGD, **options: Any) -> tuple[nn.Module, EngineOptimizer]:
    torch.manual_seed(0)
    layer = nn.Linear(2, 1)
    model, optimizer = run.setup(layer, make(layer.parameters(), **options))
    return model, optimizer


def step(run: Engine, model: nn.Module, optimizer: Optimizer) -> None:
    optimizer.zero_grad()
    run.backward(model(torch.ones(1, 2)).sum() / 8)  # small enough for the first scale
    optimizer.step()


def test_it_is_an_instance_of_the_class_it_wraps() -> None:
    _, optimizer = setup(engine(), AdamW)
    assert isinstance(optimizer, Optimizer)
    assert isinstance(optimizer, AdamW)
    assert isinstance(optimizer, EngineOptimizer)
    assert not isinstance(optimizer, SGD)


def test_groups_state_and_attributes_are_those_of_the_wrapped_optimizer() -> None:
    run = engine()
    model, optimizer = setup(run, SGD, momentum=0.9)
    inner = optimizer.optimizer
    step(run, model, optimizer)
    assert optimizer.param_groups is inner.param_groups
    assert optimizer.state is inner.state
    assert optimizer.defaults is inner.defaults
    optimizer.param_groups = [*inner.param_groups]
    assert optimizer.param_groups is inner.param_groups
    optimizer.note = "kept"
    assert getattr(inner, "note", None) == "kept"
    assert repr(inner) == repr(optimizer)
    with pytest.raises(AttributeError):
        optimizer.no_such_attribute  # noqa: B018


def test_a_parameter_group_can_be_added() -> None:
    run = engine()
    _, optimizer = setup(run)
    extra = nn.Linear(1, 1)
    optimizer.add_param_group({"params": extra.parameters(), "lr": 7.0})
    assert [1e-3, 7.0] == [group["lr"] for group in optimizer.optimizer.param_groups]


def test_state_goes_round() -> None:
    run = engine()
    model, optimizer = setup(run, AdamW)
    step(run, model, optimizer)
    _, fresh = setup(run, AdamW)
    fresh.load_state_dict(optimizer.state_dict())
    assert str(optimizer.state_dict()) == str(fresh.state_dict())
    assert fresh.state is fresh.optimizer.state


def test_hooks_registered_on_the_wrapper_run() -> None:
    run, calls = engine(), []
    model, optimizer = setup(run)
    optimizer.register_step_pre_hook(lambda *_: calls.append("before"))
    optimizer.register_step_post_hook(lambda *_: calls.append("after"))
    optimizer.register_state_dict_post_hook(lambda *_: calls.append("saved"))
    step(run, model, optimizer)
    optimizer.state_dict()
    assert ["before", "after", "saved"] == calls


@pytest.mark.parametrize("precision", ["32-true", "16-mixed"])
@pytest.mark.parametrize("before_setup", [True, False])
@pytest.mark.parametrize(
    "make",
    [
        lambda optimizer: StepLR(optimizer, 1),
        lambda optimizer: LambdaLR(optimizer, lambda epoch: 0.5**epoch),
        lambda optimizer: CosineAnnealingLR(optimizer, 10),
        lambda optimizer: OneCycleLR(optimizer, 1.0, total_steps=10, cycle_momentum=False),
    ],
)
def test_learning_rate_schedulers_work_without_warnings(make: Any, before_setup: bool, precision: str) -> None:  # noqa: FBT001
    run = engine(precision)
    layer = nn.Linear(2, 1)
    inner = SGD(layer.parameters(), lr=0.1)
    scheduler = make(inner) if before_setup else None
    model, optimizer = run.setup(layer, inner)
    scheduler = scheduler or make(optimizer)
    before = optimizer.param_groups[0]["lr"]
    step(run, model, optimizer)
    scheduler.step()
    assert before != inner.param_groups[0]["lr"]
    step(run, model, optimizer)


def test_a_plateau_scheduler_works() -> None:
    run = engine()
    _, optimizer = setup(run, lr=1.0)
    scheduler = ReduceLROnPlateau(optimizer, patience=0)
    for _ in range(3):
        scheduler.step(1.0)
    assert pytest.approx(0.01) == optimizer.param_groups[0]["lr"]


@pytest.mark.parametrize("clone", [copy.deepcopy, lambda optimizer: pickle.loads(pickle.dumps(optimizer))])  # noqa: S301
def test_copies_step_through_a_plugin_too(clone: Any) -> None:
    _, optimizer = setup(engine("bf16-mixed"))
    twin = clone(optimizer)
    assert type(twin) is EngineOptimizer
    assert twin.plugin.precision == "bf16-mixed"
    assert twin.param_groups is not optimizer.param_groups
    assert str(optimizer.state_dict()) == str(twin.state_dict())


@pytest.mark.parametrize("precision", ["32-true", "64-true", "bf16-mixed"])
def test_closures_reach_the_optimizer_where_nothing_is_scaled(precision: str) -> None:
    run = engine(precision)
    model, optimizer = setup(run, LBFGS)

    def closure() -> float:
        optimizer.zero_grad()
        loss = (model(torch.ones(1, 2)) - 3.0).square().sum()
        run.backward(loss)
        return float(loss.detach())

    first = optimizer.step(closure)
    assert closure() < first


def test_lbfgs_is_refused_by_name_under_a_scaler() -> None:
    run = engine("16-mixed")
    _, optimizer = setup(run, LBFGS)
    with pytest.raises(PrecisionError, match="LBFGS with a closure"):
        optimizer.step(lambda: 0.0)


def test_a_plugin_accepts_the_wrapped_optimizer_too() -> None:
    run = engine("16-mixed")
    model, optimizer = setup(run, lr=1.0)
    weight = model.get_parameter("weight").detach().clone()
    run.backward(model(torch.ones(1, 2)).sum() / 8)
    run.precision_plugin.unscale_gradients(optimizer)
    run.precision_plugin.optimizer_step(optimizer)
    assert torch.allclose(weight - 0.125, model.get_parameter("weight"))


def test_forgetting_engine_backward_is_refused_under_a_scaler() -> None:
    run = engine("16-mixed")
    model, optimizer = setup(run)
    model(torch.ones(1, 2)).sum().backward()
    with pytest.raises(PrecisionError, match=r"engine\.backward\(loss\)"):
        optimizer.step()


def test_setting_up_twice_changes_nothing_and_by_another_engine_is_refused() -> None:
    run = engine()
    _, optimizer = setup(run)
    assert run.setup_optimizers(optimizer) is optimizer
    with pytest.raises(PrecisionError, match="another engine"):
        engine("64-true").setup_optimizers(optimizer)


def test_optimizers_are_returned_in_order() -> None:
    run = engine()
    model, other = nn.Linear(1, 1), nn.Linear(1, 1)
    one, two = SGD(model.parameters()), SGD(other.parameters())
    assert [one, two] == [unwrapped(each) for each in run.setup_optimizers(one, two)]
    assert [one, two] == [unwrapped(each) for each in run.setup(model, one, two)[1:]]
    assert unwrapped(one) is one


@pytest.mark.parametrize("wrong", [(), (nn.Linear(1, 1),)])
def test_only_optimizers_can_be_set_up_as_such(wrong: tuple[Any, ...]) -> None:
    with pytest.raises(PrecisionError, match="ptimizer"):
        engine().setup_optimizers(*wrong)
