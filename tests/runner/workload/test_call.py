"""How a model is called with a batch."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from autoprec_runner.errors import WorkloadError
from autoprec_runner.workload.call import find_call

X = torch.ones(4, 3)
Y = torch.zeros(4, dtype=torch.int64)


class OneInput(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x.sum(-1)


class TwoInputs(nn.Module):
    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        return a + b


class OptionalMask(nn.Module):
    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        return x if mask is None else x * mask


class WithTargets(nn.Module):
    def forward(self, ids: Tensor, targets: Tensor | None = None) -> tuple[Tensor, Tensor | None]:
        return ids, None if targets is None else targets.float().mean()


class Anything(nn.Module):
    def forward(self, *inputs: Tensor) -> Tensor:
        return torch.stack(inputs)


class TakesMapping(nn.Module):
    def forward(self, batch: dict[str, Tensor]) -> Tensor:
        return batch["x"]


class TakesPair(nn.Module):
    def forward(self, batch: tuple[Tensor, Tensor]) -> Tensor:
        first, second = batch
        return first + second


class Counting(nn.Module):
    calls: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("calls", torch.zeros(1))
        self.norm = nn.BatchNorm1d(3)

    def forward(self, x: Tensor) -> Tensor:
        self.calls = self.calls + torch.rand(1)
        return self.norm(nn.functional.dropout(x))  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    ("model", "batch", "text", "targets"),
    [
        (OneInput(), X, "model(batch)", 0),
        (OneInput(), (X, Y), "model(batch[0])", 1),
        (OneInput(), [X, Y, Y], "model(batch[0])", 2),
        (OneInput(), (X,), "model(*batch)", 0),
        (TwoInputs(), (X, X), "model(*batch)", 0),
        (TwoInputs(), (X, X, Y), "model(*batch[:2])", 1),
        (OptionalMask(), (X, Y), "model(batch[0])", 1),
        (WithTargets(), (X, Y), "model(*batch)", 0),
        (Anything(), (X, X), "model(*batch)", 0),
        (TakesPair(), (X, X), "model(batch)", 0),
        (OneInput(), {"x": X}, "model(**batch)", 0),
        (OneInput(), {"x": X, "label": Y}, "model(**batch) without 'label'", 1),
        (OneInput(), {"image": X, "y": Y}, "model(batch['image'])", 1),
        (TakesMapping(), {"x": X}, "model(batch)", 0),
        (nn.Sequential(nn.Linear(3, 2)), (X, Y), "model(batch[0])", 1),
    ],
)
def test_the_call_is_found_by_trying(model: nn.Module, batch: Any, text: str, targets: int) -> None:
    call, output = find_call(model, batch)
    assert (text, targets) == (call.text, len(call.targets(batch)))
    assert isinstance(output, Tensor | tuple)
    assert type(output) is type(call(model, batch))


def test_trying_leaves_buffers_and_random_numbers_as_they_were() -> None:
    model = Counting()
    before = {name: (each, each.clone()) for name, each in model.named_buffers()}
    state = torch.random.get_rng_state()
    find_call(model, X)
    for name, buffer in model.named_buffers():
        assert before[name][0] is buffer
        assert torch.equal(before[name][1], buffer)
    assert torch.equal(state, torch.random.get_rng_state())


def test_trying_computes_no_gradients() -> None:
    _, output = find_call(nn.Linear(3, 2), X)
    assert not output.requires_grad


@pytest.mark.filterwarnings("ignore:`torch.jit")
def test_a_forward_that_tells_no_signature_is_tried_all_the_same() -> None:
    traced: nn.Module = torch.jit.trace(nn.Linear(3, 2), X)  # type: ignore[no-untyped-call]
    assert "model(batch[0])" == find_call(traced, (X, Y))[0].text


def test_a_batch_that_does_not_fit_is_shown_beside_the_first_layer_and_the_errors() -> None:
    model = nn.Sequential(nn.Linear(5, 2))
    with pytest.raises(WorkloadError) as caught:
        find_call(model, (X, Y))
    message = str(caught.value)
    assert "batch: (float32[4, 3], int64[4])" in message
    assert "first layer: Linear(in_features=5, out_features=2, bias=True) (0)" in message
    assert "model(batch[0]): RuntimeError: mat1 and mat2 shapes cannot be multiplied (4x3 and 5x2)" in message
    assert "Pass as batch=" in message
    assert isinstance(caught.value.__cause__, RuntimeError)


def test_running_out_of_memory_is_no_misfit() -> None:
    class Hungry(nn.Module):
        def forward(self, _: Tensor) -> Tensor:
            raise torch.OutOfMemoryError("out of memory")

    with pytest.raises(torch.OutOfMemoryError):
        find_call(Hungry(), X)
