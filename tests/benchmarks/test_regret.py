"""How an answer is held against the truth in the benchmark of regret."""

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest

pytest.importorskip("lightning_fabric")
pytest.importorskip("sklearn")

from autoprec_probe import Candidate
from regret import Row, compared, summary, total
from table import BY_NAME
from truth import Truth

if TYPE_CHECKING:
    import autoprec

LEARNING = {"0": [2.0, 1.0, 0.5, 0.25], "1": [2.0, 1.0, 0.5, 0.27]}
RUINED = {"0": [2.0, 1.0, 0.9, 0.9]}
TRUTH = Truth(
    seconds={"32-true": 0.02, "bf16-mixed": 0.01, "bf16-true": 0.008},
    losses={"32-true": LEARNING, "bf16-mixed": LEARNING, "bf16-true": RUINED},
    wall_seconds=100.0,
    complete=True,
)


def row(pick: str | None, *, unstable: tuple[str, ...] = ()) -> Row:
    trials = [
        SimpleNamespace(candidate=Candidate(precision=each), status="unstable", reason="it diverges")
        for each in unstable
    ]
    candidate = Candidate(precision=pick) if pick else None
    answer = cast("autoprec.Recommendation", SimpleNamespace(candidate=candidate, trials=trials))
    return compared(BY_NAME["mlp_tiny"], TRUTH, answer, seconds=10.0)


@pytest.mark.parametrize(
    ("pick", "expected"),
    [
        ("bf16-mixed", {"throughput": 1.0, "unsafe": "", "missed": False}),
        ("32-true", {"throughput": 0.5, "unsafe": "", "missed": False}),
        ("bf16-true", {"throughput": None, "missed": False}),
        (None, {"throughput": None, "unsafe": "", "missed": True}),
    ],
)
def test_a_pick_is_held_against_the_fastest_that_is_sound(pick: str | None, expected: dict[str, Any]) -> None:
    found = row(pick)
    assert expected == {name: getattr(found, name) for name in expected}
    assert ("bf16-mixed", 2) == (found.best, found.stable)


def test_a_pick_that_is_ruined_is_unsafe_with_the_reason() -> None:
    assert "its loss ends at 0.9" in row("bf16-true").unsafe


def test_only_what_is_sound_can_be_wrongly_rejected() -> None:
    assert ("bf16-mixed: it diverges",) == row("32-true", unstable=("bf16-mixed", "bf16-true")).rejected


def test_the_sums_are_over_what_is_known() -> None:
    rows = [row("bf16-mixed"), row("32-true", unstable=("bf16-mixed",)), row("bf16-true"), row(None)]
    expected = {"workloads": 4, "worst_throughput": 0.5, "median_throughput": 0.75, "unsafe": 1, "missed": 1}
    assert expected == {name: total(rows)[name] for name in expected}
    assert 1 / 8 == total(rows)["rejected_share"]
    assert 0.1 == total(rows)["wall_ratio"]
    assert "Unsafe answers: 1 of 4 (aim 0)" in summary(rows)


def test_no_workload_gives_no_figures() -> None:
    assert (None, None) == (total([])["median_throughput"], total([])["rejected_share"])
