"""The engine side by side with Lightning Fabric itself: the same loop gives the same numbers, norms and errors."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from autoprec_runner.engine import Engine
from autoprec_runner.precision import HalfPrecision

lightning = pytest.importorskip("lightning_fabric", reason="compares with Lightning Fabric")

PRECISIONS = ("32-true", "64-true", "16-true", "bf16-true", "16-mixed", "bf16-mixed")
STEPS = 10

pytestmark = pytest.mark.filterwarnings("ignore:.*treespec", "ignore:.*LeafSpec")


class Net(nn.Module):
    """Notes the dtypes inside its forward."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(6, 8)
        self.norm = nn.LayerNorm(8)
        self.second = nn.Linear(8, 3)
        self.inside: list[torch.dtype] = []

    def forward(self, x: Tensor, *, scale: Tensor, tokens: Tensor) -> dict[str, Any]:
        hidden = self.norm(self.first(x) * scale)
        output = self.second(hidden)
        self.inside = [x.dtype, scale.dtype, tokens.dtype, hidden.dtype, output.dtype, torch.zeros(1).dtype]
        return {"output": output, "hidden": (hidden, tokens), "note": "text"}


def make(kind: str, precision: str, learning_rate: float = 0.01) -> tuple[Any, Any, Any]:
    """Return an engine or Fabric, with a model and an optimizer that it has set up."""
    torch.manual_seed(0)
    net = Net()
    optimizer = torch.optim.AdamW(net.parameters(), lr=learning_rate, eps=1e-4)
    run: Any
    if kind == "engine":
        run = Engine(precision, accelerator="cpu")
    elif precision == "16-mixed":  # from the string, Fabric would make bf16-mixed of it on a CPU
        from lightning_fabric.plugins import MixedPrecision  # noqa: PLC0415 (beside the reason)

        run = lightning.Fabric(accelerator="cpu", devices=1, plugins=MixedPrecision("16-mixed", "cpu"))
    else:
        run = lightning.Fabric(accelerator="cpu", devices=1, precision=precision)
    return run, *run.setup(net, optimizer)


def inputs(step: int) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(step)
    x = torch.randn(4, 6, generator=generator)
    return {"x": x, "scale": torch.full((8,), 1.5), "tokens": torch.arange(4)}


def loss_of(outputs: dict[str, Any]) -> Tensor:
    loss: Tensor = (outputs["output"] - 1).square().mean() + outputs["hidden"][0].mean()
    return loss


def clip_nothing(_run: Any, _model: Any, _optimizer: Any) -> None:
    return None


LENIENT = {"error_if_nonfinite": False}  # the first scale of 16-mixed is too large for some gradients
CLIPS: dict[str, Any] = {
    "none": clip_nothing,
    "norm": lambda run, *of: run.clip_gradients(*of, max_norm=0.5, **LENIENT),
    "1-norm": lambda run, *of: run.clip_gradients(*of, max_norm=0.5, norm_type=1, **LENIENT),
    "maximum norm": lambda run, *of: run.clip_gradients(*of, max_norm=0.1, norm_type="inf", **LENIENT),
    "value": lambda run, *of: run.clip_gradients(*of, clip_val=0.05),
    "value by position": lambda run, *of: run.clip_gradients(*of, 0.05),
    "norm by position": lambda run, *of: run.clip_gradients(*of, None, 0.5, **LENIENT),
}


def trained(kind: str, precision: str, clip: str) -> tuple[list[Any], dict[str, Tensor], list[torch.dtype]]:
    run, model, optimizer = make(kind, precision)
    seen: list[Any] = []
    for step in range(STEPS):
        optimizer.zero_grad()
        outputs = model(**inputs(step))
        assert torch.float32 == outputs["output"].dtype == outputs["hidden"][0].dtype
        loss = loss_of(outputs)
        run.backward(loss)
        norm = CLIPS[clip](run, model, optimizer)
        gradients = [each.grad.dtype for each in model.parameters()]
        seen.append((loss.item(), None if norm is None else str(norm.item()), gradients, optimizer.step()))
    return seen, model.state_dict(), model.inside


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("clip", CLIPS)
def test_a_loop_gives_the_same_losses_norms_dtypes_and_weights(precision: str, clip: str) -> None:
    expected, weights, inside = trained("fabric", precision, clip)
    actual, others, ours = trained("engine", precision, clip)
    assert expected == actual
    assert inside == ours
    assert list(weights) == list(others)
    assert all(map(torch.equal, weights.values(), others.values()))


@pytest.mark.parametrize("kind", ["fabric", "engine"])
@pytest.mark.parametrize("options", [{}, {"max_norm": 1.0, "clip_val": 1.0}])
def test_clipping_by_nothing_or_by_both_is_a_value_error(kind: str, options: dict[str, float]) -> None:
    run, model, optimizer = make(kind, "32-true")
    run.backward(loss_of(model(**inputs(0))))
    with pytest.raises(ValueError, match="clip_val"):
        run.clip_gradients(model, optimizer, **options)


@pytest.mark.parametrize("kind", ["fabric", "engine"])
@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed"])
def test_gradients_that_are_not_finite_are_an_error_while_clipping(kind: str, precision: str) -> None:
    run, model, optimizer = make(kind, precision)
    run.backward(loss_of(model(**inputs(0))) * float("inf"))
    with pytest.raises(RuntimeError, match="non-finite"):
        run.clip_gradients(model, optimizer, max_norm=1.0)
    run.clip_gradients(model, optimizer, max_norm=1.0, error_if_nonfinite=False)


def test_an_overflow_that_the_scaler_will_skip_is_no_error_for_the_engine() -> None:
    for kind in ("fabric", "engine"):
        run, model, optimizer = make(kind, "16-mixed")
        run.backward(loss_of(model(**inputs(0))) * float("inf"))
        if kind == "engine":
            run.clip_gradients(model, optimizer, max_norm=1.0)
            optimizer.step()
            assert run.precision_plugin.last_step_skipped
        else:
            with pytest.raises(RuntimeError, match="non-finite"):
                run.clip_gradients(model, optimizer, max_norm=1.0)


@pytest.mark.parametrize("kind", ["fabric", "engine"])
@pytest.mark.parametrize("precision", PRECISIONS)
def test_modules_and_tensors_are_created_alike(kind: str, precision: str) -> None:
    run, _, _ = make(kind, precision)
    expected = {"64-true": torch.float64, "16-true": torch.float16, "bf16-true": torch.bfloat16}
    with run.init_module():
        assert expected.get(precision, torch.float32) == nn.Linear(1, 1).weight.dtype
    with run.init_tensor():
        assert expected.get(precision, torch.float32) == torch.ones(1).dtype
    with run.init_module(empty_init=True):
        assert (2, 2) == nn.Linear(2, 2).weight.shape


@pytest.mark.parametrize("kind", ["fabric", "engine"])
def test_backward_takes_what_a_tensor_takes(kind: str) -> None:
    run, model, _ = make(kind, "32-true")
    output = model(**inputs(0))["output"]
    run.backward(output, torch.ones_like(output), retain_graph=True, model=None)
    run.backward(output, gradient=torch.ones_like(output))
    assert model.second.bias.grad.tolist() == [8.0] * 3


@pytest.mark.parametrize("kind", ["fabric", "engine"])
def test_what_is_set_up_keeps_its_classes_and_keys(kind: str) -> None:
    _, model, optimizer = make(kind, "bf16-mixed")
    assert optimizer.param_groups is optimizer.optimizer.param_groups
    assert list(Net().state_dict()) == list(model.state_dict())
    assert model.first.in_features == 6
    assert isinstance(optimizer, torch.optim.AdamW)


def test_a_plugin_and_a_precision_both_given_are_a_value_error() -> None:
    from lightning_fabric.plugins import HalfPrecision as Theirs  # noqa: PLC0415 (beside ours)

    plugins: Any = (lightning.Fabric, Theirs("bf16-true")), (Engine, HalfPrecision("bf16-true"))
    for make_run, plugin in plugins:
        with pytest.raises(ValueError, match=r"16-mixed.*HalfPrecision|HalfPrecision.*16-mixed"):
            make_run(accelerator="cpu", precision="16-mixed", plugins=plugin)
