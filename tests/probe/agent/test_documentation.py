"""What `docs/agent.md` says of the agent."""

import json
import re
from pathlib import Path

import pytest

from autoprec_probe.agent.__main__ import _parser
from autoprec_probe.agent.outbox import Bounds
from autoprec_probe.agent.report import ReportBatch


@pytest.fixture(scope="module")
def page() -> str:
    return (Path(__file__).parents[3] / "docs" / "agent.md").read_text()


def test_every_option_is_documented(page: str) -> None:
    options = [each.option_strings[-1] for each in _parser()._actions]
    assert ["--help"] == [each for each in options if f"| `{each}" not in page]


def test_the_example_is_what_a_service_takes(page: str) -> None:
    (example,) = re.findall(r"```json\n(.*?)```", page, re.DOTALL)
    batch = ReportBatch.model_validate_json(example)
    told = json.loads(batch.model_dump_json(exclude_defaults=True, round_trip=True))
    assert json.loads(example) == told


def test_the_bounds_are_those_that_hold(page: str) -> None:
    bounds = Bounds()
    assert f"more than {bounds.spool_bytes >> 20} MiB wait" in page
    assert f"the latest {bounds.memory_bytes >> 20} MiB in memory" in page
    assert 86_400 == bounds.telemetry_seconds
