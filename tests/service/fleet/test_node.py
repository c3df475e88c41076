"""How reports change what is known of a machine."""

from datetime import datetime, timedelta

import pytest

from autoprec_probe.agent.report import Report
from autoprec_service.fleet import Arrival, Node, updated
from autoprec_service.testing import PROFILE, make_report
from autoprec_service.testing.factories import STARTED_AT

OTHER = PROFILE.model_copy(update={"system": "Darwin"})


def after(*arrivals: Arrival) -> Node:
    node = None
    for each in arrivals:
        node = updated(node, "node", each)
    assert node is not None
    return node


def arrived(report: Report, *, sent: float = 0.0, received: float = 0.0) -> Arrival:
    """Return a report whose sender's clock and ours are so many seconds after `STARTED_AT`."""
    return Arrival.of(report, sent_at=at(sent), received_at=at(received))


def at(seconds: float) -> datetime:
    return STARTED_AT + timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("observed", "sent", "received", "expected"),
    [
        pytest.param(0, 10, 10, 0, id="clocks agree"),
        pytest.param(0, 10, 10_000, 9_990, id="the sender is behind"),
        pytest.param(10_000, 10_010, 10, 0, id="the sender is ahead"),
        pytest.param(10_000, 0, 10, 10, id="the sender's clock jumped back: not from the future"),
        pytest.param(0, 10**10, 0, -366 * 86_400, id="the sender's clock jumped far ahead: not older than a year"),
    ],
)
def test_times_are_by_the_clock_of_the_service(observed: float, sent: float, received: float, expected: float) -> None:
    report = make_report(1, observed_at=at(observed))
    assert at(expected) == arrived(report, sent=sent, received=received).sighting.observed_at


def test_the_extremes_of_time_are_survived() -> None:
    report = make_report(1, observed_at="0001-01-01T00:00:00+14:00")
    sent = datetime.fromisoformat("9999-12-31T23:59:59-14:00")
    assert at(-366 * 86_400) == Arrival.of(report, sent_at=sent, received_at=STARTED_AT).sighting.observed_at


def test_within_a_run_the_sequence_decides_though_the_clock_jumps() -> None:
    node = after(
        arrived(make_report(1, load=1.0), sent=5000, received=5000),
        arrived(make_report(2, load=2.0, observed_at=at(-5000)), sent=0, received=5001),
        arrived(make_report(1, load=1.0, observed_at=at(5002)), sent=5002, received=5002),
    )
    assert node.telemetry is not None
    assert (2, 2.0) == (node.latest.sequence, node.telemetry.host.load_average)


def test_between_runs_the_time_decides() -> None:
    late = arrived(make_report(900, run="a", load=1.0, observed_at=at(0)), sent=1000, received=1000)
    new = arrived(make_report(1, run="b", load=2.0, observed_at=at(990)), sent=991, received=991)
    for node in (after(late, new), after(new, late)):
        assert node.telemetry is not None
        assert (1, 2.0) == (node.latest.sequence, node.telemetry.host.load_average)


def test_a_late_report_fills_in_what_is_not_known_better() -> None:
    node = after(
        arrived(make_report(5, load=None, error="lost")),
        arrived(make_report(1, load=1.0, profile=PROFILE)),
        arrived(make_report(3, load=None, profile=OTHER)),
        arrived(make_report(2, load=2.0, profile=PROFILE)),
    )
    assert node.telemetry is not None
    assert (5, "lost") == (node.latest.sequence, node.error)
    assert (OTHER, 2.0) == (node.profile, node.telemetry.host.load_average)


def test_what_a_look_could_not_tell_stays_as_it_was_known() -> None:
    node = after(arrived(make_report(1, profile=PROFILE)), arrived(make_report(2, load=None, error="lost")))
    assert node.telemetry is not None
    assert (PROFILE, 1, 2) == (node.profile, node.telemetry_from and node.telemetry_from.sequence, node.latest.sequence)


def test_a_machine_is_seen_whatever_it_sends() -> None:
    node = after(arrived(make_report(5), received=10), arrived(make_report(1), received=20))
    assert (at(10), at(20)) == (node.first_seen_at, node.last_seen_at)
