"""An agent made of real parts around a clock and a service made of values."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from autoprec_probe.agent.outbox import Outbox
from autoprec_probe.agent.report import Report
from autoprec_probe.agent.spool import Spool
from autoprec_probe.agent.testing import STARTED_AT, FakeClock, FakeService
from autoprec_probe.profile import Cpu, HardwareProfile, Software
from autoprec_probe.telemetry import HostTelemetry, Telemetry

PROFILE = HardwareProfile(system="Linux", cpu=Cpu(architecture="x86_64"), software=Software(python="3.11"))


@pytest.fixture
def report() -> Callable[..., Report]:
    """Make a report whose id can be read as a number."""

    def make(number: int, *, profile: bool = False, **fields: Any) -> Report:
        given = {
            "id": f"{number:032x}",
            "run": "a" * 32,
            "sequence": number,
            "observed_at": STARTED_AT,
            "interval_seconds": 15.0,
            "profile": PROFILE if profile else None,
            "telemetry": Telemetry(host=HostTelemetry(load_average=1.0)),
        }
        return Report.model_validate(given | fields)

    return make


@pytest.fixture
def clock() -> FakeClock:
    """Time that passes when it is told to."""
    return FakeClock()


@pytest.fixture
def service() -> FakeService:
    """A service that keeps what it is sent."""
    return FakeService()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The folder of a spool, which does not exist yet."""
    return tmp_path / "spool" / "node"


@pytest.fixture
def spool(folder: Path) -> Iterator[Spool]:
    """A spool in that folder."""
    opened = Spool(folder)
    yield opened
    opened.close()


@pytest.fixture
def outbox(spool: Spool, clock: FakeClock) -> Outbox:
    """An outbox on that spool."""
    return Outbox(spool, clock)
