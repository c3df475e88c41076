"""The work of known layers, against what hand and paper say."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from autoprec_runner.costing.step import step_cost
from autoprec_runner.prediction.cost import StepCost, Work
from autoprec_runner.workload import Workload
from autoprec_runner.workload.task import resolve

B, T, IN, OUT = 8, 16, 32, 64  # batch, tokens, inputs, outputs
SIDE, KERNEL, CHANNELS, FILTERS, GROUPS = 10, 3, 4, 8, 2


def cost(model: nn.Module, batch: Any, precision: str = "32-true", mode: Any = "train") -> StepCost:
    workload = Workload(model=model, batch=batch, loss=_loss if mode == "train" else None, mode=mode)
    return step_cost(resolve(workload), precision, device="cpu")


def _loss(output: Tensor, _: object) -> Tensor:
    return output.square().mean()


def flops(step: StepCost, moment: str) -> float:
    return sum(each.flops for each in step.work if each.moment == moment)


class Attention(nn.Module):
    """Attention alone, of H heads; a factor makes its inputs need gradients."""

    def __init__(self) -> None:
        super().__init__()
        self.factor = nn.Parameter(torch.ones(()))

    def forward(self, inputs: Tensor) -> Tensor:
        scaled = self.factor * inputs
        return nn.functional.scaled_dot_product_attention(scaled, scaled, scaled)


LINEAR = 2 * B * IN * OUT
CONVOLUTION = 2 * B * SIDE**2 * FILTERS * CHANNELS * KERNEL**2
HEADS, WIDTH = 4, 8
ATTENTION = 2 * 2 * B * HEADS * T * T * WIDTH


@pytest.mark.parametrize(
    ("model", "batch", "forward", "backward"),
    [
        # The first layer's inputs need no gradient: backward multiplies once where others do twice.
        (nn.Linear(IN, OUT), torch.randn(B, IN), LINEAR, LINEAR),
        (nn.Sequential(nn.Linear(IN, OUT), nn.Linear(OUT, OUT)), torch.randn(B, IN), LINEAR * 3, LINEAR * 5),
        (
            nn.Conv2d(CHANNELS, FILTERS, KERNEL, padding=1),
            torch.randn(B, CHANNELS, SIDE, SIDE),
            CONVOLUTION,
            CONVOLUTION,
        ),
        (
            nn.Conv2d(CHANNELS, FILTERS, KERNEL, padding=1, groups=GROUPS),
            torch.randn(B, CHANNELS, SIDE, SIDE),
            CONVOLUTION / GROUPS,
            CONVOLUTION / GROUPS,
        ),
        (
            nn.ConvTranspose2d(CHANNELS, FILTERS, KERNEL, padding=1),
            torch.randn(B, CHANNELS, SIDE, SIDE),
            CONVOLUTION,
            CONVOLUTION,
        ),
        (Attention(), torch.randn(B, HEADS, T, WIDTH), ATTENTION, 2.5 * ATTENTION),
        (nn.ReLU(), torch.randn(B, IN), 0, 0),
    ],
    ids=["linear", "two linears", "convolution", "grouped convolution", "transposed convolution", "attention", "relu"],
)
def test_multiplications_and_additions_are_those_of_the_textbook(
    model: nn.Module, batch: Tensor, forward: float, backward: float
) -> None:
    if not list(model.parameters()):
        model = nn.Sequential(model, nn.LayerNorm(IN))
    step = cost(model, batch)
    assert (forward, backward, 0.0) == (flops(step, "forward"), flops(step, "backward"), flops(step, "update"))


def test_inference_has_no_backward() -> None:
    step = cost(nn.Linear(IN, OUT), torch.randn(B, IN), mode="inference")
    assert ({"forward"}, LINEAR) == ({each.moment for each in step.work}, step.flops)


def product(step: StepCost, moment: str = "forward") -> Work:
    (found,) = (each for each in step.work if each.kind == "product" and each.moment == moment)
    return found


def test_a_product_reads_its_factors_and_its_bias_and_writes_its_result() -> None:
    work = product(cost(nn.Linear(IN, OUT), torch.randn(B, IN)))
    assert (1, B * OUT, 4 * (B * IN + IN * OUT + OUT), 4 * B * OUT) == (
        work.count, work.elements, work.read_bytes, work.written_bytes
    )  # fmt: skip


@pytest.mark.parametrize(
    ("precision", "dtype"),
    [("32-true", "float32"), ("64-true", "float64"), ("bf16-true", "bfloat16"), ("16-mixed", "float16")],
)
def test_products_run_in_the_dtype_of_the_precision(precision: str, dtype: str) -> None:
    assert dtype == product(cost(nn.Linear(IN, OUT), torch.randn(B, IN), precision)).dtype


def test_under_autocast_products_run_in_half_and_the_loss_and_the_update_in_float32() -> None:
    step = cost(nn.Linear(IN, OUT), torch.randn(B, IN), "bf16-mixed")
    rest = {each.dtype for each in step.work if each.layer == "" and each.kind != "movement"}
    assert ("bfloat16", {"float32"}) == (product(step).dtype, rest)


def test_a_cast_of_weights_is_counted_as_movement() -> None:
    step = cost(nn.Linear(IN, OUT), torch.randn(B, IN), "bf16-mixed")
    moved = sum(each.written_bytes for each in step.work if each.kind == "movement" and each.moment == "forward")
    assert (
        2 * (IN * OUT + OUT + B * IN) + 4 * B * OUT == moved
    )  # weight, bias and inputs to half; the output back to float32


def test_a_look_up_reads_its_rows_and_not_its_table() -> None:
    step = cost(nn.Embedding(10_000, OUT), torch.randint(0, 10_000, (B, T)))
    (work,) = (each for each in step.work if each.kind == "gather" and each.moment == "forward")
    assert B * T * OUT * 4 == work.read_bytes == work.written_bytes


def test_work_is_told_by_layer_in_backward_too() -> None:
    step = cost(nn.Sequential(nn.Linear(IN, OUT), nn.Linear(OUT, OUT)), torch.randn(B, IN))
    layers = {(each.layer, each.moment): each.flops for each in step.work if each.kind == "product"}
    assert {
        ("Sequential.0", "forward"): LINEAR,
        ("Sequential.1", "forward"): LINEAR * 2,
        ("Sequential.1", "backward"): LINEAR * 4,
        ("Sequential.0", "backward"): LINEAR,
    } == layers


def test_views_compute_nothing() -> None:
    step = cost(nn.Sequential(nn.Flatten(), nn.Linear(IN, OUT)), torch.randn(B, 2, IN // 2), mode="inference")
    assert ["product"] == [each.kind for each in step.work]
