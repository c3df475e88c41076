"""Losses: given, the model's own, or suggested by targets."""

from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import pytest
import torch
import torch.nn.functional as F  # noqa: N812 (as everybody calls it)
from torch import Tensor, nn

from autoprec_runner.errors import WorkloadError
from autoprec_runner.workload.call import Call, find_call
from autoprec_runner.workload.losses import check_given_loss, checked, given_loss, infer_loss
from autoprec_runner.workload.tensors import tensors_of

LOGITS = torch.randn(6, 5, generator=torch.Generator().manual_seed(0))
CLASSES = torch.tensor([0, 1, 2, 3, 4, 0])


@dataclass
class ModelOutput:
    logits: Tensor


class Echo(nn.Module):
    def forward(self, x: Any) -> Any:
        return x


def _call(batch: Any) -> Call:
    return find_call(Echo(), batch)[0]


@pytest.mark.parametrize(
    "output",
    [
        torch.tensor(2.0),
        {"loss": torch.tensor(2.0), "logits": LOGITS},
        SimpleNamespace(loss=torch.tensor(2.0)),
        (LOGITS, torch.tensor(2.0)),
    ],
    ids=["scalar", "mapping", "attribute", "tuple"],
)
def test_a_loss_in_the_output_is_taken(output: Any) -> None:
    loss = infer_loss(output, (LOGITS, CLASSES), _call((LOGITS, CLASSES)))
    assert loss is not None
    assert 2.0 == loss.compute(output, None).item()


@pytest.mark.parametrize(
    ("output", "target", "expected"),
    [
        (LOGITS, CLASSES, F.cross_entropy(LOGITS, CLASSES)),
        (LOGITS, CLASSES.int(), F.cross_entropy(LOGITS, CLASSES)),
        (LOGITS.view(2, 3, 5), CLASSES.view(2, 3), F.cross_entropy(LOGITS, CLASSES)),
        (LOGITS.view(1, 2, 3, 5).permute(0, 3, 1, 2), CLASSES.view(1, 2, 3), F.cross_entropy(LOGITS, CLASSES)),
        (LOGITS, LOGITS + 2, torch.tensor(4.0)),
        (LOGITS[:, :1], LOGITS[:, 0] + 2, torch.tensor(4.0)),
    ],
    ids=["classes", "int32 classes", "tokens", "pixels", "numbers", "numbers without the last axis"],
)
def test_targets_suggest_the_loss(output: Tensor, target: Tensor, expected: Tensor) -> None:
    batch = (output, target)
    loss = infer_loss(output, batch, _call(batch))
    assert loss is not None
    assert torch.allclose(expected, loss.compute(output, batch), atol=1e-5)
    assert loss.sentence is not None
    assert loss.sentence.startswith("Loss inferred: ")


@pytest.mark.parametrize(
    ("output", "batch"),
    [
        (LOGITS, LOGITS),
        (LOGITS, (LOGITS, torch.zeros(3))),
        (LOGITS, (LOGITS, CLASSES, CLASSES)),
        (LOGITS[:, 0], (LOGITS, CLASSES)),
        (CLASSES, (CLASSES, CLASSES)),
    ],
    ids=["no target", "another shape", "two targets", "integers of the output's shape", "integer output"],
)
def test_nothing_is_suggested_by(output: Tensor, batch: Any) -> None:
    assert None is infer_loss(output, batch, _call(batch))


def test_a_class_that_the_output_does_not_have_is_told() -> None:
    batch = (LOGITS, CLASSES + 3)
    with pytest.raises(WorkloadError, match=r"holds class 7, the output float32\[6, 5\] has 5 classes"):
        infer_loss(LOGITS, batch, _call(batch))


@pytest.mark.parametrize("loss", [nn.CrossEntropyLoss(), F.cross_entropy])
@pytest.mark.parametrize("batch", [(LOGITS, CLASSES), {"x": LOGITS, "labels": CLASSES}], ids=["tuple", "mapping"])
def test_a_loss_of_torch_gets_the_target(loss: Any, batch: Any) -> None:
    given = given_loss(loss)
    check_given_loss(given, LOGITS, batch)
    assert torch.equal(F.cross_entropy(LOGITS, CLASSES), given.compute(LOGITS, batch))
    assert given.sentence is not None


def test_a_loss_of_torch_without_a_target_is_told() -> None:
    with pytest.raises(WorkloadError, match=r"has no target for a loss of torch. Pass \(inputs, target\)"):
        check_given_loss(given_loss(nn.MSELoss()), LOGITS, LOGITS)


@pytest.mark.parametrize(
    ("loss", "message"),
    [
        (lambda output, _: output, r"float32\[6, 5\], not a scalar. Reduce it, for example with `.mean\(\)`"),
        (lambda output, _: output.mean().item(), "not a tensor. It has to be a scalar tensor"),
        (lambda output, _: output.argmax(), r"int64\[\], not a floating number"),
        (lambda output, _: output.mean().detach(), "does not require a gradient"),
        (lambda output, batch: output.mean() + batch["y"], "The loss failed: TypeError"),
        (lambda output: output.mean(), "called as loss\\(output, batch\\)"),
    ],
)
def test_a_loss_that_makes_no_step_is_told_before_any(loss: Any, message: str) -> None:
    with pytest.raises(WorkloadError, match=message), torch.no_grad():
        check_given_loss(given_loss(loss), LOGITS, (LOGITS, CLASSES))


@pytest.mark.parametrize("output", [LOGITS, (LOGITS, None), ModelOutput(logits=LOGITS)], ids=type)
def test_checking_a_loss_leaves_the_output_alone(output: Any) -> None:
    before = LOGITS.clone()
    check_given_loss(given_loss(lambda output, _: next(tensors_of(output)).mul_(2).mean()), output, None)
    assert not LOGITS.requires_grad
    assert torch.equal(before, LOGITS)


def test_an_output_of_unknown_kind_is_left_to_the_first_step() -> None:
    check_given_loss(given_loss(lambda output, _: output.logits.mean()), SimpleNamespace(logits=LOGITS), None)


def test_a_loss_of_one_element_counts_as_a_scalar() -> None:
    assert () == checked(torch.ones(1, 1, requires_grad=True) * 2, source="The loss").shape
