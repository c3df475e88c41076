"""A batch with more samples than the user gave."""

import torch

from autoprec_runner.workload.enlarge import enlarged


def test_samples_are_there_as_often_as_asked_for() -> None:
    x, y = torch.arange(6.0).reshape(2, 3), torch.tensor([0, 1])
    more_x, more_y = enlarged((x, y), 3, rows=2)
    assert (6, 3) == more_x.shape
    assert torch.equal(x, more_x[2:4])
    assert [0, 1, 0, 1, 0, 1] == more_y.tolist()


def test_what_has_no_samples_stays_what_it_is() -> None:
    mask, scalar = torch.ones(5, 5), torch.tensor(1.0)
    batch = {"ids": torch.ones(2, 5), "mask": mask, "weight": scalar, "name": "a"}
    more = enlarged(batch, 2, rows=2)
    assert (4, 5) == more["ids"].shape
    assert mask is more["mask"]
    assert (scalar, "a") == (more["weight"], more["name"])


def test_once_is_what_was_given() -> None:
    x = torch.randn(2, 3)
    assert torch.equal(x, enlarged([x], 1, rows=2)[0])
