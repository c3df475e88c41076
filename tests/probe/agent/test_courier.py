"""Delivery: order, patience, and what one bad report costs."""

import logging
from collections.abc import Callable
from pathlib import Path

import pytest

from autoprec_probe.agent.courier import LONGEST_PAUSE_SECONDS, SLOW_PAUSE_SECONDS, Courier
from autoprec_probe.agent.outbox import Outbox
from autoprec_probe.agent.report import LARGEST_BODY_BYTES, LONGEST_BATCH, Report, ReportBatch
from autoprec_probe.agent.testing import FakeClock, FakeService
from autoprec_probe.agent.transport import Reply

Reports = Callable[..., Report]


@pytest.fixture
def courier(outbox: Outbox, service: FakeService, clock: FakeClock) -> Courier:
    return Courier(outbox, service, clock, lambda: 1.0)


def deliver(courier: Courier) -> None:
    courier.deliver(lambda: False)


def sent(service: FakeService) -> list[int]:
    return [int(each, 16) for each in service.kept]


def test_everything_is_delivered_in_order_and_once(
    courier: Courier, outbox: Outbox, service: FakeService, report: Reports
) -> None:
    for number in range(2 * LONGEST_BATCH + 1):
        outbox.add(report(number))
    deliver(courier)
    deliver(courier)
    assert list(range(2 * LONGEST_BATCH + 1)) == sent(service)
    assert (3, 0) == (len(service.bodies), len(outbox))


def test_batches_stay_below_what_the_service_takes(
    courier: Courier, outbox: Outbox, service: FakeService, report: Reports
) -> None:
    for number in range(LONGEST_BATCH):
        outbox.add(report(number, error="x" * 2000))
    deliver(courier)
    assert LONGEST_BATCH == len(service.kept)
    assert max(len(each) for each in service.bodies) < LARGEST_BODY_BYTES


def test_nothing_is_lost_or_doubled_when_an_answer_is_lost(
    courier: Courier, outbox: Outbox, service: FakeService, clock: FakeClock, report: Reports
) -> None:
    outbox.add(report(1))

    def stored_but_not_told(batch: ReportBatch) -> Reply | None:
        service.kept |= {each.id: each for each in batch.reports}
        service.go_away()
        return service.answer(batch)

    service.answer = stored_but_not_told
    deliver(courier)
    assert ([1], 1) == (sent(service), len(outbox))
    service.come_back()
    clock.pass_seconds(LONGEST_PAUSE_SECONDS)
    deliver(courier)
    assert ([1], 0) == (sent(service), len(outbox))


def pauses(courier: Courier, clock: FakeClock, times: int) -> list[float]:
    found = []
    for _ in range(times):
        deliver(courier)
        found.append(courier.due_at - clock.monotonic())
        clock.pass_seconds(found[-1])
    return found


def test_the_pauses_double_up_to_five_minutes_and_start_anew_after_a_success(
    courier: Courier, outbox: Outbox, service: FakeService, clock: FakeClock, report: Reports
) -> None:
    service.go_away()
    outbox.add(report(1))
    assert [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300] == pauses(courier, clock, 11)
    service.come_back()
    deliver(courier)
    service.go_away()
    outbox.add(report(2))
    assert [1] == pauses(courier, clock, 1)


def test_no_attempt_is_made_before_it_is_due(
    courier: Courier, outbox: Outbox, service: FakeService, report: Reports
) -> None:
    service.go_away()
    outbox.add(report(1))
    deliver(courier)
    deliver(courier)
    assert 1 == len(service.bodies)


def test_chance_shortens_a_pause_by_up_to_half(
    outbox: Outbox, service: FakeService, clock: FakeClock, report: Reports
) -> None:
    service.go_away()
    outbox.add(report(1))
    courier = Courier(outbox, service, clock, lambda: 0.0)
    assert [0.5, 1.0, 2.0] == pauses(courier, clock, 3)


def test_a_wish_of_the_service_is_respected(
    courier: Courier, outbox: Outbox, service: FakeService, clock: FakeClock, report: Reports
) -> None:
    service.answer = lambda _: Reply(status=503, retry_after="77")
    outbox.add(report(1))
    assert [77] == pauses(courier, clock, 1)


@pytest.mark.parametrize(
    ("status", "advice"), [(401, "--token-file"), (403, "--token-file"), (302, "redirects are not"), (404, "--url")]
)
def test_what_a_person_must_mend_is_said_once_and_tried_slowly(
    *,
    courier: Courier,
    outbox: Outbox,
    service: FakeService,
    clock: FakeClock,
    report: Reports,
    caplog: pytest.LogCaptureFixture,
    status: int,
    advice: str,
) -> None:
    service.answer = lambda _: Reply(status=status)
    outbox.add(report(1))
    assert [SLOW_PAUSE_SECONDS] * 3 == pauses(courier, clock, 3)
    assert 1 == len(caplog.messages)
    assert advice in caplog.messages[0]
    assert 1 == len(outbox)


def test_beginning_and_end_of_an_outage_are_said_and_nothing_between(
    *,
    courier: Courier,
    outbox: Outbox,
    service: FakeService,
    clock: FakeClock,
    report: Reports,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    service.go_away()
    for number in range(3):
        outbox.add(report(number))
        pauses(courier, clock, 1)
    service.come_back()
    deliver(courier)
    assert [
        "The service is away (Connection refused). Reports are kept and delivered later.",
        "The service takes reports again; 3 are delivered, 0 wait.",
    ] == caplog.messages


def test_one_report_that_is_refused_is_set_aside_and_the_others_arrive(
    courier: Courier, outbox: Outbox, service: FakeService, folder: Path, report: Reports
) -> None:
    poison = {3, 77}
    service.answer = lambda batch: (
        Reply(status=422, body=b"no") if poison & {each.sequence for each in batch.reports} else None
    )
    for number in range(100):
        outbox.add(report(number))
    deliver(courier)
    assert sorted(set(range(100)) - poison) == sent(service)
    assert 0 == len(outbox)
    assert poison == {int(each.stem[-32:], 16) for each in (folder / "rejected").glob("*.json")}
    assert {"HTTP 422 no\n"} == {each.read_text() for each in (folder / "rejected").glob("*.reason")}


def test_a_report_that_is_too_large_for_the_service_is_set_aside(
    courier: Courier, outbox: Outbox, service: FakeService, folder: Path, report: Reports
) -> None:
    service.answer = lambda _: Reply(status=413)
    outbox.add(report(1))
    deliver(courier)
    assert (0, 1) == (len(outbox), len(list((folder / "rejected").glob("*.json"))))


def test_delivery_ends_after_a_batch_when_the_agent_shall_stop(
    courier: Courier, outbox: Outbox, service: FakeService, report: Reports
) -> None:
    for number in range(LONGEST_BATCH + 1):
        outbox.add(report(number))
    courier.deliver(lambda: True)
    assert (1, 1) == (len(service.bodies), len(outbox))


def test_a_service_that_knows_no_profile_asks_for_it(
    courier: Courier, outbox: Outbox, service: FakeService, report: Reports
) -> None:
    service.answer = lambda _: Reply(status=200, body=b'{"stored": 1, "known": 0, "profile_wanted": true}')
    outbox.add(report(1))
    deliver(courier)
    assert courier.profile_wanted
