"""What is known of one machine, and how an arriving report changes that."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from pydantic import AwareDatetime, BaseModel, ConfigDict

from autoprec_probe.agent.report import Report
from autoprec_probe.profile import HardwareProfile
from autoprec_probe.telemetry import Telemetry

OLDEST = timedelta(days=366)
"""No report counts as older than this, whatever the clock of its sender shows."""


class _Known(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Sighting(_Known):
    """Which look of which run of an agent something comes from."""

    observed_at: AwareDatetime
    """By the clock of the service."""
    run: str
    sequence: int

    def later_than(self, other: "Sighting | None") -> bool:
        """Return whether this look came after `other`.

        Within a run of the agent its sequence decides, because clocks jump; between runs the times do.
        """
        if other is None:
            return True
        if self.run == other.run:
            return self.sequence > other.sequence
        return self.observed_at >= other.observed_at


class Node(_Known):
    """The current state of one machine, from the latest of its reports."""

    name: str
    first_seen_at: AwareDatetime
    last_seen_at: AwareDatetime
    """When its agent was last heard of, whatever it sent."""
    latest: Sighting
    interval_seconds: float
    agent_version: str | None = None
    error: str | None = None
    """Why the latest look could not read everything."""
    dropped: int = 0
    """Reports that the current run of the agent had to give up."""
    profile: HardwareProfile | None = None
    """What the machine is; None as long as no report has told it."""
    profile_from: Sighting | None = None
    telemetry: Telemetry | None = None
    """What the machine was doing at the latest look that could tell."""
    telemetry_from: Sighting | None = None


@dataclass(frozen=True, kw_only=True)
class Arrival:
    """A report as the service sees it."""

    report: Report
    received_at: datetime
    sighting: Sighting

    @classmethod
    def of(cls, report: Report, *, sent_at: datetime, received_at: datetime) -> "Arrival":
        """Return the report with its time by the clock of the service.

        Its age is told by the clock of the sender alone, so that a clock that is wrong changes nothing as long as it
        did not jump between the look and the sending. No report is from the future.
        """
        age = min(max(sent_at - report.observed_at, timedelta(0)), OLDEST)
        sighting = Sighting(observed_at=received_at - age, run=report.run, sequence=report.sequence)
        return cls(report=report, received_at=received_at, sighting=sighting)

    def changes_profile(self, node: Node | None) -> bool:
        """Return whether it tells another profile than the one that is known."""
        profile = self.report.profile
        return profile is not None and (node is None or profile != node.profile)


def updated(node: Node | None, name: str, arrived: Arrival) -> Node:
    """Return the state of a machine after a report has arrived; a late one changes only what is not known better."""
    report, sighting, received_at = arrived.report, arrived.sighting, arrived.received_at
    changes: dict[str, object] = {}
    if node is None:
        node = Node(
            name=name,
            first_seen_at=received_at,
            last_seen_at=received_at,
            latest=sighting,
            interval_seconds=report.interval_seconds,
        )
        changes |= _latest(arrived)
    if sighting.later_than(node.latest):
        changes |= _latest(arrived)
    if report.profile is not None and sighting.later_than(node.profile_from):
        changes |= {"profile": report.profile, "profile_from": sighting}
    if report.telemetry is not None and sighting.later_than(node.telemetry_from):
        changes |= {"telemetry": report.telemetry, "telemetry_from": sighting}
    return node.model_copy(update=changes | {"last_seen_at": max(node.last_seen_at, received_at)})


def _latest(arrived: Arrival) -> dict[str, object]:
    same = ("interval_seconds", "agent_version", "error", "dropped")
    return {"latest": arrived.sighting} | {name: getattr(arrived.report, name) for name in same}
