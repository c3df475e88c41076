"""What a step is bound by, from its parts."""

from typing import Any

import pytest

from autoprec_runner.trial import StepParts
from autoprec_runner.trials.bottleneck import bottleneck


def parts(**fields: Any) -> StepParts:
    plain = {"move_seconds": 0.0, "forward_seconds": 1.0, "backward_seconds": 2.0, "optimizer_seconds": 1.0, "steps": 5}
    return StepParts.model_validate(plain | fields)


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, None),
        ({"fetch_seconds": 3.9}, None),
        ({"fetch_seconds": 4.0}, "input-bound"),
        ({"fetch_seconds": 2.0, "move_seconds": 2.0}, "input-bound"),
        ({"operations": 1000, "start_seconds": 1.9e-3}, None),
        ({"operations": 1000, "start_seconds": 2e-3}, "launch-bound"),
        ({"operations": 1000, "start_seconds": 2e-3, "fetch_seconds": 5.0}, "input-bound"),
        ({"operations": None, "start_seconds": 2e-3}, None),
    ],
)
def test_the_larger_half_binds(fields: dict[str, Any], expected: str | None) -> None:
    assert expected == bottleneck(parts(**fields))


def test_shares_add_up_to_one() -> None:
    shares = parts(fetch_seconds=3.0, move_seconds=1.0).shares
    assert {"data": 0.5, "forward": 0.125, "backward": 0.25, "optimizer": 0.125} == shares


def test_a_step_of_inference_is_its_forward_pass() -> None:
    assert {"data": 0.0, "forward": 1.0} == StepParts(move_seconds=0.0, forward_seconds=0.1, steps=1).shares
