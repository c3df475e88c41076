"""Grafana's dashboards and how they are provisioned."""

from itertools import combinations
from pathlib import Path
from typing import Any

import pytest

yaml = pytest.importorskip("yaml")

NAMES = ("advice", "fleet", "service")
WIDTH = 24
"""Columns of Grafana's grid."""


@pytest.fixture(params=NAMES)
def dashboard(request: pytest.FixtureRequest, dashboards: dict[str, dict[str, Any]]) -> dict[str, Any]:
    return dashboards[request.param]


def test_there_is_one_each_for_fleet_service_and_advice(dashboards: dict[str, dict[str, Any]]) -> None:
    assert NAMES == tuple(dashboards)
    assert [f"autoprec-{name}" for name in NAMES] == [each["uid"] for each in dashboards.values()]


def test_every_panel_says_what_it_shows_in_which_unit(dashboard: dict[str, Any]) -> None:
    for panel in dashboard["panels"]:
        assert panel["title"]
        assert panel["description"].endswith(".")
        assert panel["fieldConfig"]["defaults"]["unit"]


def test_panels_have_places_of_their_own(dashboard: dict[str, Any]) -> None:
    panels = dashboard["panels"]
    assert len(panels) == len({each["id"] for each in panels})
    assert all(each["gridPos"]["x"] + each["gridPos"]["w"] <= WIDTH for each in panels)
    assert [] == [(a["title"], b["title"]) for a, b in combinations(panels, 2) if overlap(a["gridPos"], b["gridPos"])]


def overlap(one: dict[str, int], other: dict[str, int]) -> bool:
    beside = one["x"] + one["w"] <= other["x"] or other["x"] + other["w"] <= one["x"]
    below = one["y"] + one["h"] <= other["y"] or other["y"] + other["h"] <= one["y"]
    return not (beside or below)


def test_every_panel_asks_the_provisioned_data_source(folder: Path, dashboard: dict[str, Any]) -> None:
    provisioned = yaml.safe_load((folder / "grafana/provisioning/datasources/prometheus.yml").read_text())
    (source,) = provisioned["datasources"]
    assert {(source["type"], source["uid"])} == {
        (each["datasource"]["type"], each["datasource"]["uid"]) for each in dashboard["panels"]
    }


def test_grafana_looks_for_dashboards_where_compose_puts_them(folder: Path) -> None:
    (provider,) = yaml.safe_load((folder / "grafana/provisioning/dashboards/autoprec.yml").read_text())["providers"]
    mounts = yaml.safe_load((folder.parent / "docker/compose.yaml").read_text())["services"]["grafana"]["volumes"]
    assert f"../dashboards/grafana/dashboards:{provider['options']['path']}:ro" in mounts
