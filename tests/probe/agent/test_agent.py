"""The agent's day, with time made of values."""

from collections.abc import Callable

import pytest

from autoprec_probe.agent.agent import LONGEST_LOOK_SECONDS, Agent, Reporter
from autoprec_probe.agent.courier import Courier
from autoprec_probe.agent.observer import Look, Observer
from autoprec_probe.agent.outbox import Outbox
from autoprec_probe.agent.report import Report
from autoprec_probe.agent.testing import STARTED_AT, FakeClock, FakeService, FakeWaiter
from autoprec_probe.agent.transport import Reply
from autoprec_probe.testing import FakeReader

Day = Callable[..., FakeWaiter]


@pytest.fixture
def observer(clock: FakeClock) -> Observer:
    return Observer(clock, reader=lambda: FakeReader(files={"/proc/loadavg": "1 1 1 1/1 1"}))


@pytest.fixture
def day(clock: FakeClock, service: FakeService, outbox: Outbox, observer: Observer) -> Day:
    def run(waits: int, *, interval: float = 15.0, chance: float = 0.5, **waiter: Callable[[int], None]) -> FakeWaiter:
        agent = Agent(
            observer,
            Reporter(clock, interval_seconds=interval, agent_version="1.0"),
            outbox,
            Courier(outbox, service, clock, lambda: chance),
            clock,
            interval_seconds=interval,
            random=lambda: chance,
        )
        waiting = FakeWaiter(clock, waits=waits, **waiter)
        agent.run(waiting)
        return waiting

    return run


def kept(service: FakeService) -> list[Report]:
    return list(service.kept.values())


def test_reports_come_at_the_interval_with_the_profile_in_the_first(day: Day, service: FakeService) -> None:
    assert [15.0] * 5 == day(5).waited
    assert [1, 2, 3, 4, 5] == [each.sequence for each in kept(service)]
    assert [True, False, False, False, False] == [each.profile is not None for each in kept(service)]
    assert 1 == len({each.run for each in kept(service)})
    assert {15.0} == {each.interval_seconds for each in kept(service)}


@pytest.mark.parametrize(("chance", "pause"), [(0.0, 9.0), (0.5, 10.0), (1.0, 11.0)])
def test_the_interval_varies_by_a_tenth(day: Day, chance: float, pause: float) -> None:
    assert [pytest.approx(pause)] * 3 == day(3, interval=10.0, chance=chance).waited


def test_with_a_long_interval_a_change_is_reported_before_it_is_over(
    day: Day, service: FakeService, observer: Observer
) -> None:
    def change(wait: int) -> None:
        if wait == 3:
            observer.forget()

    assert {LONGEST_LOOK_SECONDS} == set(day(6, interval=3600.0, between=change).waited)
    assert [0.0, 3 * LONGEST_LOOK_SECONDS] == [
        (each.observed_at - STARTED_AT).total_seconds() for each in kept(service)
    ]


def test_an_outage_loses_nothing_and_keeps_the_order(day: Day, service: FakeService, outbox: Outbox) -> None:
    service.go_away()

    def outage(wait: int) -> None:
        if wait == 60:
            service.come_back()

    day(120, between=outage)
    sequences = [each.sequence for each in kept(service)]
    assert list(range(1, len(sequences) + 1)) == sequences
    assert (0, 0) == (len(outbox), outbox.dropped)
    assert len(sequences) > 60


@pytest.mark.parametrize("jump", [-7200.0, 7200.0, 400 * 86_400.0])
def test_a_clock_that_jumps_changes_neither_pace_nor_order(
    day: Day, service: FakeService, clock: FakeClock, jump: float
) -> None:
    waiter = day(6, between=lambda wait: clock.jump_seconds(jump) if wait == 3 else None)
    assert [15.0] * 6 == waiter.waited
    assert [1, 2, 3, 4, 5, 6] == [each.sequence for each in kept(service)]


def test_stopping_delivers_what_is_at_hand_or_leaves_it_in_the_spool(
    day: Day, service: FakeService, outbox: Outbox
) -> None:
    service.answer = lambda _: Reply(status=503)
    day(2)
    assert (0, 1) == (len(kept(service)), len(outbox))
    assert 0 == outbox.unsafe


def test_a_service_that_lost_the_profile_gets_it_again(day: Day, service: FakeService) -> None:
    day(1)

    def forgetful(_: object) -> Reply:
        service.answer = lambda _: None
        return Reply(status=200, body=b'{"stored": 1, "known": 0, "profile_wanted": true}')

    service.answer = forgetful
    day(3)
    assert [True, True, False] == [each.profile is not None for each in kept(service)]


def test_reports_given_up_are_counted_in_those_that_follow(clock: FakeClock) -> None:
    reporter = Reporter(clock, interval_seconds=15.0, agent_version=None)
    assert (7, 2) == (reporter.report(Look(), dropped=7).dropped, reporter.report(Look()).sequence)


def test_ids_are_unique(clock: FakeClock) -> None:
    reporter = Reporter(clock, interval_seconds=15.0, agent_version=None)
    assert 100 == len({reporter.report(Look()).id for _ in range(100)})
