"""Files that wait, whole or not at all."""

import os
from pathlib import Path

import pytest

from autoprec_probe.agent.spool import KEPT_REFUSED, Spool, SpoolTakenError


def test_reports_come_back_in_the_order_of_their_names(spool: Spool) -> None:
    for name in ("2.json", "1.json", "3.json"):
        spool.write(name, name)
    assert ["1.json", "2.json", "3.json"] == spool.names()
    assert "2.json" == spool.read("2.json")


def test_what_was_never_finished_is_removed(spool: Spool, folder: Path) -> None:
    spool.write("1.json", "whole")
    (folder / "2.json.unfinished").write_text("ha")
    assert ["1.json"] == spool.names()
    assert ["1.json", "alive"] == sorted(each.name for each in folder.iterdir())


def test_a_write_that_fails_leaves_nothing(spool: Spool, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        spool.write("1.json", "text")
    assert [] == spool.names()
    assert ["alive"] == [each.name for each in folder.iterdir()]


def test_only_the_owner_may_read_it(spool: Spool, folder: Path) -> None:
    spool.write("1.json", "text")
    assert 0o700 == folder.stat().st_mode & 0o777


def test_a_second_agent_on_the_same_folder_is_refused_with_the_way_out(spool: Spool, folder: Path) -> None:
    with pytest.raises(SpoolTakenError, match=r"Another agent uses the spool .* a name or a folder of its own"):
        Spool(folder)
    spool.close()
    Spool(folder).close()


def test_a_refused_report_lies_beside_its_reason(spool: Spool, folder: Path) -> None:
    where = spool.set_aside("1.json", "text", "HTTP 422")
    assert (folder / "rejected" / "1.json", "text") == (where, where.read_text())
    assert "HTTP 422\n" == (folder / "rejected" / "1.json.reason").read_text()
    assert [] == spool.names()


def test_only_the_latest_refused_reports_are_kept(spool: Spool, folder: Path) -> None:
    for number in range(KEPT_REFUSED + 2):
        spool.set_aside(f"{number:04d}.json", "text", "why")
    kept = sorted(each.name for each in (folder / "rejected").glob("*.json"))
    assert (KEPT_REFUSED, "0002.json") == (len(kept), kept[0])
    assert KEPT_REFUSED == len(list((folder / "rejected").glob("*.reason")))


def test_a_sign_of_life_is_left(spool: Spool, folder: Path) -> None:
    os.utime(folder / "alive", (0, 0))
    spool.touch()
    assert (folder / "alive").stat().st_mtime > 0


def test_a_folder_that_cannot_be_made_is_an_error_only_when_it_is_used(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    spool = Spool(tmp_path / "file" / "spool")
    with pytest.raises(NotADirectoryError):
        spool.names()
