"""`autoprec db`, as it is called."""

import json
import sqlite3
from datetime import timedelta
from pathlib import Path

import pytest

from autoprec.cli import main
from autoprec_service.store import open_store
from autoprec_service.store.schema import HEAD
from autoprec_service.testing import make_study, make_trial
from autoprec_service.testing.factories import STARTED_AT


@pytest.fixture
def path(tmp_path: Path) -> Path:
    found = tmp_path / "store.db"
    with open_store(found) as store:
        for number in range(2):
            began = STARTED_AT + timedelta(hours=number)
            store.save_study(make_study(id=str(number), status="complete", started_at=began))
            store.add_trials([make_trial(id=str(number), study_id=str(number))])
    return found


def test_upgrade_makes_a_store_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    where = str(tmp_path / "new.db")
    assert 0 == main(["db", "upgrade", "--store", where])
    assert f"went from nothing to revision {HEAD}" in capsys.readouterr().out
    assert 0 == main(["db", "upgrade", "--store", where, "--json"])
    assert {"before": HEAD, "after": HEAD} == json.loads(capsys.readouterr().out)


def test_check_finds_and_repairs_counts_that_are_wrong(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert 0 == main(["db", "check", "--store", str(path)])
    assert "0 problems" in capsys.readouterr().out
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE hardware SET trials = 7")
    connection.close()
    assert 1 == main(["db", "check", "--store", str(path)])
    assert "The counts of hardware of the tenant 'default' do not agree" in capsys.readouterr().out
    assert 0 == main(["db", "check", "--repair", "--store", str(path)])
    assert "1 problems, 0 left" in capsys.readouterr().out
    assert 0 == main(["db", "check", "--store", str(path)])


def test_check_makes_no_store(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert 2 == main(["db", "check", "--store", str(tmp_path / "none.db")])
    assert "There is no store here yet" in capsys.readouterr().err
    assert [] == list(tmp_path.iterdir())


def test_backup_writes_a_store(path: Path, tmp_path: Path) -> None:
    assert 0 == main(["db", "backup", str(tmp_path / "copy.db"), "--store", str(path)])
    assert 2 == main(["db", "backup", str(tmp_path / "copy.db"), "--store", str(path)])
    with open_store(tmp_path / "copy.db") as store:
        assert 2 == len(store.trials())


def test_prune_says_what_it_would_do_and_then_does_it(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["db", "prune", "superseded", "telemetry", "--older-than", "1", "--store", str(path)]
    assert 0 == main([*arguments, "--dry-run"])
    assert "1 studies, 1 trials would be deleted.\n" == capsys.readouterr().out
    assert 0 == main([*arguments, "--json"])
    assert 1 == json.loads(capsys.readouterr().out)["trials"]
    with open_store(path) as store:
        assert ["1"] == [each.id for each in store.trials()]


@pytest.mark.parametrize(
    "arguments",
    [
        ["prune", "--older-than", "1"],
        ["prune", "everything", "--older-than", "1"],
        ["prune", "telemetry"],
        ["prune", "telemetry", "--older-than", "-1"],
        ["prune", "telemetry", "--older-than", "1e9"],
        ["prune", "telemetry", "--older-than", "1", "--tenant", "*"],
    ],
)
def test_what_cannot_be_honoured_is_told(path: Path, arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert 2 == main(["db", *arguments, "--store", str(path)])
    assert "Error" in capsys.readouterr().err


def test_parquet_and_results_of_peers_go_through_the_command_line(
    path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file, other = str(tmp_path / "all.parquet"), str(tmp_path / "other.db")
    assert 0 == main(["export", file, "--store", str(path)])
    assert 0 == main(["import", file, "--store", other])
    assert "4 new" in capsys.readouterr().out
    assert 2 == main(["import", str(tmp_path), "--from", "deepspeed", "--store", other])
    assert "Give --model and --hardware" in capsys.readouterr().err
    assert 2 == main(["import", file, "--model", "gpt", "--store", other])
