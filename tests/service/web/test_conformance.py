"""The whole interface against its own description, on both databases: every answer is one that it describes."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis import Case
from schemathesis.config import SchemathesisConfig

from autoprec_service.store import open_store
from autoprec_service.testing import PROFILE, make_report, make_study, make_trial
from autoprec_service.testing.factories import STARTED_AT
from autoprec_service.testing.process import ServiceProcess

TOKEN = "conformance"  # noqa: S105 (of a service that lives as long as these tests)
EXAMPLES = 12
ENDLESS = {"followEvents"}
"""Its answer does not end, so that there is nothing to hold against a schema: see test_events.py."""


@pytest.fixture(params=["sqlite", "postgresql"])
def db(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "postgresql":
        return str(request.getfixturevalue("postgresql").render_as_string(hide_password=False))
    return str(tmp_path / "store.db")


@pytest.fixture
def service(db: str) -> Iterator[ServiceProcess]:
    with open_store(db) as store:
        store.save_study(make_study(status="complete"))
        store.add_trials([make_trial(id="t-1"), make_trial("bf16-mixed", id="t-2", seconds=0.5)])
        store.add_reports("n", [make_report(1, profile=PROFILE)], sent_at=STARTED_AT, received_at=STARTED_AT)
    with ServiceProcess(db, tokens=[TOKEN], log_level="error") as running:
        yield running


@pytest.fixture
def config() -> SchemathesisConfig:
    """All checks, on requests that fit the description and on such that do not.

    NUL characters are left out: JSON Schema cannot say that a string has none, and test_hostile.py sends them.
    """
    return SchemathesisConfig.from_dict({"generation": {"allow-x00": False}})


def test_every_operation_keeps_to_its_description(service: ServiceProcess, config: SchemathesisConfig) -> None:
    headers = {"Authorization": f"Bearer {TOKEN}"}
    schema = schemathesis.openapi.from_url(f"{service.url}/openapi.json", config=config, headers=headers)
    with requests.Session() as session:
        for found in schema.get_all_operations():
            operation = found.ok()  # type: ignore[union-attr]  # an error of the description is an error here
            if operation.definition.raw["operationId"] in ENDLESS:
                continue

            @given(case=operation.as_strategy())
            @settings(
                max_examples=EXAMPLES,
                deadline=None,
                derandomize=True,
                database=None,
                suppress_health_check=list(HealthCheck),
            )
            def answered(case: "Case[Any]") -> None:
                case.call_and_validate(session=session, headers=headers)

            answered()
