"""The files that Prometheus and Grafana are given."""

import json
from pathlib import Path
from typing import Any, NamedTuple

import pytest


class Query(NamedTuple):
    """One query of one panel."""

    dashboard: str
    panel: str
    expression: str


@pytest.fixture(scope="session")
def folder() -> Path:
    """Where dashboards and what goes with them are."""
    return Path(__file__).parents[2] / "dashboards"


@pytest.fixture(scope="session")
def dashboards(folder: Path) -> dict[str, dict[str, Any]]:
    """Each of Grafana's dashboards, by its file's name."""
    return {each.stem: json.loads(each.read_text()) for each in sorted((folder / "grafana/dashboards").iterdir())}


@pytest.fixture(scope="session")
def queries(dashboards: dict[str, dict[str, Any]]) -> list[Query]:
    """Every query of every panel."""
    return [
        Query(name, panel["title"], target["expr"])
        for name, dashboard in dashboards.items()
        for panel in dashboard["panels"]
        for target in panel["targets"]
    ]
