"""Reports that wait: their order, their bounds, and a spool that fails."""

import json
import logging
from collections.abc import Callable
from pathlib import Path

import pytest

from autoprec_probe.agent.outbox import Bounds, Outbox
from autoprec_probe.agent.report import Report
from autoprec_probe.agent.spool import Spool
from autoprec_probe.agent.testing import FakeClock

Reports = Callable[..., Report]

ROOM = 1 << 20


def waiting(outbox: Outbox) -> list[int]:
    """Return the numbers of the reports that wait, in the order in which they would be sent."""
    return [int(entry.id, 16) for entry, _ in outbox.batch(1000, ROOM)]


def files(folder: Path) -> list[str]:
    return sorted(each.name for each in folder.glob("*.json"))


def test_a_report_that_is_delivered_at_once_never_touches_the_disk(
    outbox: Outbox, folder: Path, report: Reports
) -> None:
    outbox.add(report(1))
    outbox.delivered([entry for entry, _ in outbox.batch(10, ROOM)])
    outbox.settle()
    assert ([], 0) == (files(folder), len(outbox))


def test_undelivered_reports_survive_in_their_order(
    outbox: Outbox, spool: Spool, folder: Path, clock: FakeClock, report: Reports
) -> None:
    for number in (3, 1, 2):
        outbox.add(report(number))
    outbox.settle()
    spool.close()
    later = Outbox(Spool(folder), clock)
    later.add(report(4))
    assert [3, 1, 2, 4] == waiting(later)
    later.settle()
    assert [3, 1, 2, 4] == waiting(later)
    later.close()


def test_what_is_sent_is_what_was_reported(outbox: Outbox, report: Reports) -> None:
    outbox.add(report(1, profile=True))
    outbox.settle()
    ((_, document),) = outbox.batch(1, ROOM)
    assert report(1, profile=True) == Report.model_validate_json(document)


def test_a_batch_holds_what_fits_and_at_least_one(outbox: Outbox, report: Reports) -> None:
    for number in range(5):
        outbox.add(report(number))
    size = outbox.batch(1, ROOM)[0][0].size
    assert (2, 3, 1) == (
        len(outbox.batch(2, ROOM)),
        len(outbox.batch(10, 3 * size)),
        len(outbox.batch(10, 1)),
    )


def test_a_delivered_report_leaves_the_spool(outbox: Outbox, folder: Path, report: Reports) -> None:
    outbox.add(report(1))
    outbox.settle()
    assert 1 == len(files(folder))
    outbox.delivered([entry for entry, _ in outbox.batch(10, ROOM)])
    assert ([], 0) == (files(folder), len(outbox))


@pytest.mark.parametrize("text", ["", '{"id": "00', "[]", '{"id": "another"}', "[" * 100_000, "\ufffd"])
def test_a_damaged_file_is_set_aside_and_the_others_are_sent(
    *, outbox: Outbox, spool: Spool, folder: Path, clock: FakeClock, report: Reports, text: str
) -> None:
    outbox.add(report(1))
    outbox.add(report(2))
    outbox.settle()
    spool.close()
    (folder / files(folder)[0]).write_text(text)
    later = Outbox(Spool(folder), clock)
    assert [2] == waiting(later)
    assert 1 == len(files(folder / "rejected"))
    assert 1 == len(later)
    later.close()


def test_foreign_files_are_left_alone(spool: Spool, folder: Path, clock: FakeClock) -> None:
    spool.write("notes.json", "{}")
    assert 0 == len(Outbox(spool, clock))
    assert ["notes.json"] == files(folder)


def test_files_that_share_a_number_are_all_taken(spool: Spool, clock: FakeClock, report: Reports) -> None:
    for number in (1, 2):
        name = f"{7:012d}-telemetry-{number:032x}.json"
        spool.write(name, report(number).model_dump_json(exclude_defaults=True))
    outbox = Outbox(spool, clock)
    outbox.add(report(3))
    outbox.settle()
    assert ([1, 2, 3], 3) == (waiting(outbox), len(files(spool.folder)))


def test_beyond_the_bound_the_oldest_live_values_go_first_and_profiles_never(
    spool: Spool, clock: FakeClock, report: Reports, caplog: pytest.LogCaptureFixture
) -> None:
    outbox = Outbox(spool, clock, Bounds(spool_bytes=3 * 4096))
    for number in range(6):
        outbox.add(report(number, profile=number in {0, 1}))
        outbox.settle()
    assert ([0, 1, 5], 3) == (waiting(outbox), outbox.dropped)
    for number in range(6, 9):
        outbox.add(report(number, profile=True))
        outbox.settle()
    assert [0, 1, 6, 7, 8] == waiting(outbox)
    told = [each.getMessage() for each in caplog.records if "given up" in each.getMessage()]
    assert [
        "The oldest live values are given up because the spool is full, 1 reports so far; profiles are kept."
    ] == told


def test_live_values_are_given_up_after_a_day_however_the_clock_jumps(
    outbox: Outbox, clock: FakeClock, report: Reports
) -> None:
    outbox.add(report(1, profile=True))
    outbox.add(report(2))
    outbox.settle()
    clock.jump_seconds(400 * 86_400.0)
    clock.pass_seconds(86_000.0)
    outbox.add(report(3))
    outbox.settle()
    assert [1, 2, 3] == waiting(outbox)
    clock.pass_seconds(401.0)
    outbox.settle()
    assert ([1, 3], 1) == (waiting(outbox), outbox.dropped)


class FailingSpool(Spool):
    """A spool on a disk that is full as long as `full` says so."""

    full = True

    def write(self, name: str, text: str) -> None:
        if self.full:
            raise OSError(28, "No space left on device")
        super().write(name, text)


@pytest.fixture
def full_disk(folder: Path) -> FailingSpool:
    return FailingSpool(folder)


def test_a_full_disk_is_told_once_and_the_latest_reports_stay_in_memory(
    full_disk: FailingSpool, clock: FakeClock, report: Reports, caplog: pytest.LogCaptureFixture
) -> None:
    size = len(report(10).model_dump_json(exclude_defaults=True))
    outbox = Outbox(full_disk, clock, Bounds(memory_bytes=4 * size))
    for number in range(10, 20):
        outbox.add(report(number))
        outbox.settle()
    assert ([16, 17, 18, 19], 4, 6) == (waiting(outbox), outbox.unsafe, outbox.dropped)
    assert 1 == sum("cannot be used (No space left on device)" in each.getMessage() for each in caplog.records)
    full_disk.close()


def test_what_waited_in_memory_goes_to_the_disk_when_there_is_room_again(
    full_disk: FailingSpool, folder: Path, clock: FakeClock, report: Reports, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    outbox = Outbox(full_disk, clock)
    for number in range(3):
        outbox.add(report(number))
        outbox.settle()
    full_disk.full = False
    outbox.settle()
    assert ([0, 1, 2], 0, 3) == (waiting(outbox), outbox.unsafe, len(files(folder)))
    assert "can be written again" in caplog.messages[-1]
    full_disk.close()


class SmallSpool(Spool):
    """A spool on a disk that has room for some reports."""

    room = 3

    def write(self, name: str, text: str) -> None:
        if len(files(self.folder)) >= self.room:
            raise OSError(28, "No space left on device")
        super().write(name, text)


def test_on_a_full_disk_a_profile_takes_the_place_of_live_values(
    folder: Path, clock: FakeClock, report: Reports
) -> None:
    spool = SmallSpool(folder)
    outbox = Outbox(spool, clock)
    for number in range(8):
        outbox.add(report(number, profile=number in {0, 5, 6}))
        outbox.settle()
    spool.close()
    later = Outbox(Spool(folder), clock)
    assert ([0, 5, 6], 2) == (waiting(later), outbox.dropped)
    later.close()


def test_a_folder_that_appears_later_is_taken_over_before_what_is_new(
    tmp_path: Path, clock: FakeClock, report: Reports
) -> None:
    blocked = tmp_path / "mount"
    blocked.touch()
    outbox = Outbox(Spool(blocked / "node"), clock)
    outbox.add(report(2))
    outbox.settle()
    assert 1 == outbox.unsafe
    blocked.unlink()
    earlier = Spool(blocked / "node")
    earlier.write(f"{7:012d}-telemetry-{1:032x}.json", report(1).model_dump_json(exclude_defaults=True))
    earlier.close()
    outbox.settle()
    assert ([1, 2], 0) == (waiting(outbox), outbox.unsafe)
    outbox.close()


def test_a_delivered_file_that_cannot_be_removed_is_not_sent_again(
    outbox: Outbox, spool: Spool, report: Reports, monkeypatch: pytest.MonkeyPatch
) -> None:
    def forbidden(_: str) -> None:
        raise PermissionError(30, "Read-only file system")

    outbox.add(report(1))
    outbox.settle()
    with monkeypatch.context() as patch:
        patch.setattr(spool, "remove", forbidden)
        outbox.delivered([entry for entry, _ in outbox.batch(1, ROOM)])
        assert ([], 1) == (waiting(outbox), len(spool.names()))
    outbox.settle()
    assert [] == spool.names()


def test_a_refused_report_on_a_full_disk_is_let_go(
    full_disk: FailingSpool, clock: FakeClock, report: Reports, caplog: pytest.LogCaptureFixture
) -> None:
    outbox = Outbox(full_disk, clock)
    outbox.add(report(1))
    full_disk.folder.rename(full_disk.folder.with_name("gone"))
    ((entry, document),) = outbox.batch(1, ROOM)
    outbox.refused(entry, document, "HTTP 422")
    assert 0 == len(outbox)
    assert "nowhere, because the spool cannot be written" in caplog.text
    full_disk.close()


def test_documents_are_json_without_defaults(outbox: Outbox, report: Reports) -> None:
    outbox.add(report(1))
    ((_, document),) = outbox.batch(1, ROOM)
    assert {"id", "run", "sequence", "observed_at", "interval_seconds", "telemetry"} == set(json.loads(document))
