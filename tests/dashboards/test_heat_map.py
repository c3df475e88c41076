"""Precision × hardware of one model."""

from datetime import timedelta

import pytest

from autoprec_dashboards.pages.heat_map import heat_map, level_of
from autoprec_dashboards.pages.qualified import best_of, qualifies
from autoprec_probe.candidate import Candidate
from outcomes import MEASURED_AT, make_outcome


def test_the_reference_qualifies_unverified_and_nothing_else_does() -> None:
    assert qualifies(make_outcome(stable=None))
    assert not qualifies(make_outcome("bf16-mixed", stable=None))
    assert not qualifies(make_outcome("bf16-mixed", stable=False))
    assert not qualifies(make_outcome("bf16-mixed", status="oom"))


def test_the_best_is_the_fastest_that_qualifies_and_the_safer_one_within_the_noise() -> None:
    reference, mixed = make_outcome(), make_outcome("bf16-mixed", seconds=0.5)
    half, ruined = make_outcome("bf16-true", seconds=0.495), make_outcome("16-true", seconds=0.1, stable=False)
    assert mixed == best_of([reference, mixed, half, ruined])
    assert best_of([ruined]) is None


def test_every_hardware_is_a_row_from_its_newest_study() -> None:
    old = make_outcome("bf16-mixed", seconds=0.25)
    new = [
        make_outcome("bf16-mixed", seconds=0.5, study_id="new", measured_at=MEASURED_AT + timedelta(days=1)),
        make_outcome(study_id="new", measured_at=MEASURED_AT + timedelta(days=1)),
    ]
    found = heat_map([old, *new, make_outcome(hardware_key="gpu")], "speed-up")
    assert ["cpu-x86-2c", "gpu"] == [each.hardware_key for each in found.rows]
    assert ("32-true", "bf16-mixed") == found.columns
    assert ["1.00×", "2.0×"] == [each.text for each in found.rows[0].cells]
    assert ["1.00×", "–"] == [each.text for each in found.rows[1].cells]
    assert ("bf16-mixed", "2.0×", "new") == (found.rows[0].best, found.rows[0].best_speedup, found.rows[0].study_id)


def test_of_several_variants_of_a_precision_the_one_that_qualifies_is_shown() -> None:
    ruined = make_outcome("16-mixed", seconds=0.1, stable=False)
    kept = make_outcome("16-mixed", seconds=0.5, candidate=Candidate(precision="16-mixed", keep_fp32=("head",)))
    assert ["2.0×"] == [each.text for each in heat_map([ruined, kept], "speed-up").rows[0].cells]


@pytest.mark.parametrize(
    ("shown", "texts", "levels"),
    [
        ("speed-up", ["1.00×", "2.0×", "unstable"], ["u0", "u3", "x"]),
        ("memory", ["100 %", "50.0 %", "unstable"], ["u0", "u3", "x"]),
        ("stability", ["stable", "stable", "unstable"], ["u2", "u2", "x"]),
    ],
)
def test_the_map_shows_speed_memory_or_stability(shown: str, texts: list[str], levels: list[str]) -> None:
    outcomes = [
        make_outcome(),
        make_outcome("bf16-mixed", seconds=0.5, memory_ratio=0.5),
        make_outcome("bf16-true", seconds=0.4, stable=False),
    ]
    (row,) = heat_map(outcomes, shown).rows  # type: ignore[arg-type]
    assert texts == [each.text for each in row.cells]
    assert levels == [each.level for each in row.cells]
    assert [False, True, False] == [each.best for each in row.cells]


@pytest.mark.parametrize(
    ("better", "level"), [(4.0, "u3"), (1.5, "u2"), (1.1, "u1"), (1.0, "u0"), (0.8, "d1"), (0.6, "d2"), (0.1, "d3")]
)
def test_colours_go_from_much_better_to_much_worse(better: float, level: str) -> None:
    assert level == level_of(better)


def test_the_best_common_string_serves_the_most_hardware_before_it_is_the_fastest() -> None:
    outcomes = [
        make_outcome(hardware_key="a"),
        make_outcome("bf16-mixed", seconds=0.5, hardware_key="a"),
        make_outcome("bf16-true", seconds=0.1, hardware_key="a"),
        make_outcome(hardware_key="b"),
        make_outcome("bf16-mixed", seconds=0.125, hardware_key="b"),
        make_outcome("bf16-true", seconds=0.1, hardware_key="b", stable=False),
    ]
    common = heat_map(outcomes, "speed-up").common
    assert common is not None
    assert ("bf16-mixed", 2, 2) == (common.precision, common.places, common.places_known)
    assert pytest.approx(4.0) == common.speedup


def test_of_nothing_there_is_no_common_string() -> None:
    assert heat_map([], "speed-up").common is None
