"""What a training step does to gradients and weights, watched on real ones."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from autoprec_runner.trials import examine
from autoprec_runner.trials.examine import Examiner

Loss = Callable[[nn.Module], Tensor]


def stepped(
    path: Path,
    dtype: torch.dtype,
    *,
    lr: float = 0.1,
    scale: float = 1.0,
    is_reference: bool = False,
    skipped: bool = False,
) -> dict[str, Any]:
    torch.manual_seed(0)
    model = nn.Linear(64, 1).to(dtype)
    nn.init.ones_(model.weight)
    optimizer = torch.optim.SGD(model.parameters(), lr=lr)
    examiner = Examiner(model, path, is_reference=is_reference)
    x = torch.logspace(-9, 0, 64)[None].to(dtype)
    (scale * model(x).sum()).backward()
    examiner.after_backward()
    optimizer.step()
    examiner.after_step(skipped=skipped)
    return examiner.summary()


@pytest.fixture
def gradients(tmp_path: Path) -> Path:
    path = tmp_path / "gradients.pt"
    stepped(path, torch.float32, is_reference=True)
    return path


def test_gradients_that_fp16_rounds_to_zero_have_underflowed(gradients: Path) -> None:
    tiny = int((torch.logspace(-9, 0, 64).half() == 0).sum())
    found = stepped(gradients, torch.float16)
    assert tiny > 10
    assert tiny / 65 == pytest.approx(found["gradient_underflow"])  # 64 weights and a bias
    assert 1 == pytest.approx(found["gradient_cosine"], abs=1e-3)


def test_the_direction_of_gradients_does_not_depend_on_a_loss_scale(gradients: Path) -> None:
    assert 1 == pytest.approx(stepped(gradients, torch.float32, scale=1024.0)["gradient_cosine"])


def test_an_update_below_half_a_unit_in_the_last_place_is_lost(gradients: Path) -> None:
    sizes = torch.logspace(-9, 0, 64)
    found = stepped(gradients, torch.bfloat16, lr=1e-3)  # the bias is small enough to move, the weights are 1
    assert [pytest.approx(float(sizes.sum() / (sizes.sum() + 1)), rel=1e-2)] == found["lost_updates"]
    assert [0.0] == stepped(gradients, torch.float64, lr=1e-3)["lost_updates"]


def test_a_skipped_step_loses_nothing(gradients: Path) -> None:
    assert [] == stepped(gradients, torch.float32, skipped=True)["lost_updates"]


def test_weights_without_a_gradient_are_not_counted(tmp_path: Path) -> None:
    table = nn.Embedding(8, 4)
    optimizer = torch.optim.SGD(table.parameters(), lr=0.1)
    examiner = Examiner(table, tmp_path / "gradients.pt", is_reference=False)
    table(torch.tensor([1, 3])).sum().backward()
    examiner.after_backward()
    optimizer.step()
    examiner.after_step(skipped=False)
    assert {"lost_updates": [0.0]} == examiner.summary()


def test_without_a_reference_nothing_is_compared(tmp_path: Path) -> None:
    assert {"lost_updates"} == set(stepped(tmp_path / "none.pt", torch.float32))


def test_gradients_that_are_not_finite_are_not_compared(gradients: Path) -> None:
    assert "gradient_cosine" not in stepped(gradients, torch.float32, scale=float("inf"))


def test_large_models_are_sampled_evenly(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(examine, "MOST_SAMPLED", 10)
    stepped(tmp_path / "gradients.pt", torch.float32, is_reference=True)
    sampled = torch.load(tmp_path / "gradients.pt", weights_only=True)
    assert {"weight": 10, "bias": 1} == {name: len(each) for name, each in sampled.items()}  # every seventh of 64
