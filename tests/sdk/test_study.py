"""The one small study of these tests, and what can be asked about it afterwards."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from autoprec_service.store import open_store

Command = Callable[..., Any]


@pytest.fixture(scope="session")
def trial_ids(asked: Any, autoprec_command: Command) -> list[str]:
    assert 0 == asked.code
    return [each["id"] for each in json.loads(autoprec_command("trials", "--json", "--oldest").out)]


def test_the_answer_is_json_with_its_evidence(asked: Any) -> None:
    answer = json.loads(asked.out)
    assert answer["precision"] in {"32-true", "bf16-mixed"}
    assert ("measured", "complete") == (answer["basis"], answer["study"]["status"])
    assert ["32-true", "bf16-mixed"] == [each["precision"] for each in answer["study"]["candidates"]]
    assert {answer["study"]["id"]} == {each["study_id"] for each in answer["trials"]}


def test_nothing_is_said_where_nobody_looks(asked: Any) -> None:
    assert "" == asked.err


def test_nothing_is_written_but_the_store(
    asked: Any, folder: Path, environment: dict[str, str], leftovers: Callable[[str], list[Path]]
) -> None:
    assert 0 == asked.code
    store = Path(environment["AUTOPREC_DB"])
    assert [store] == [*store.parent.iterdir()]
    assert [] == [*Path(environment["HOME"]).iterdir(), *leftovers(environment["TMPDIR"])]
    assert ["factories.py"] == [each.name for each in folder.iterdir()]


def test_asking_again_is_answered_from_the_store(
    asked: Any, autoprec_command: Command, question: tuple[str, ...]
) -> None:
    again = autoprec_command(*question)
    assert f"Recommended precision: {json.loads(asked.out)['precision']}" == again.out.splitlines()[0]
    assert "from earlier trials" in again.out
    assert [] == [line for line in again.out.splitlines() if len(line) > 80]


def test_a_script_finds_the_trials_of_the_command_line(
    asked: Any, script: Callable[[str], Any], question: tuple[str, ...]
) -> None:
    told = script(
        "import autoprec, sys\n"
        f"rec = autoprec.suggest({question[1]!r}, candidates={question[3].split(',')!r}, budget={question[5]})\n"
        "assert 'torch' not in sys.modules\n"
        "print(rec.model_dump_json())",
    )
    answer, first = json.loads(told.out), json.loads(asked.out)
    assert (True, first["precision"], first["trials"]) == (answer["remembered"], answer["precision"], answer["trials"])


def test_trials_fit_a_terminal(asked: Any, autoprec_command: Command, trial_ids: list[str]) -> None:
    shown = autoprec_command("trials").out.splitlines()
    study = json.loads(asked.out)["study"]["id"]
    assert f"study {study}: train, throughput, 12 s, complete" == shown[0]
    assert [] == [line for line in shown if len(line) > 80]
    assert [each[:8] for each in trial_ids] == [line[:8] for line in shown[3 : 3 + len(trial_ids)]]


def test_a_terminal_that_knows_no_greek_still_gets_its_answer(
    asked: Any, autoprec_command: Command, question: tuple[str, ...]
) -> None:
    assert 0 == asked.code
    told = autoprec_command(*question, PYTHONIOENCODING="ascii")
    assert (0, "", True) == (told.code, told.err, told.out.isascii())


def test_trials_come_in_pages(autoprec_command: Command, trial_ids: list[str]) -> None:
    def ids(*arguments: str) -> list[str]:
        return [each["id"] for each in json.loads(autoprec_command("trials", "--json", *arguments).out)]

    assert trial_ids[-1:] == ids("--limit", "1")
    assert trial_ids[:1] == ids("--limit", "1", "--oldest")
    assert trial_ids[1:2] == ids("--limit", "1", "--after", trial_ids[0][:8])
    assert [] == ids("--after", trial_ids[-1])


def test_a_page_that_is_not_the_last_says_how_to_go_on(autoprec_command: Command, trial_ids: list[str]) -> None:
    first = autoprec_command("trials", "--limit", "1", "--oldest")
    assert f"There are more; go on with: --after {trial_ids[0]}\n" == first.err
    assert "" == autoprec_command("trials").err


def test_an_unknown_trial_to_go_on_after_is_refused(autoprec_command: Command) -> None:
    told = autoprec_command("trials", "--after", "xyz")
    assert (2, "") == (told.code, told.out)
    assert "No trial's id begins with 'xyz'" in told.err


def test_trials_can_be_carried_to_another_store(
    autoprec_command: Command, trial_ids: list[str], tmp_path: Path
) -> None:
    file, other, lines = str(tmp_path / "trials.jsonl"), str(tmp_path / "other.db"), len(trial_ids) + 1
    assert {"file": file, "lines": lines} == json.loads(autoprec_command("export", file, "--json").out)
    imported = autoprec_command("import", file, "--store", other, "--json")
    assert (0, lines) == (imported.code, json.loads(imported.out)["new"])
    again = autoprec_command("import", file, "--store", other)
    assert (0, f"0 new, {lines} already there, 0 refused.\n") == (again.code, again.out)
    with open_store(other) as opened:
        assert trial_ids == [each.id for each in opened.trials()]


def test_an_export_to_standard_output_is_nothing_but_records(autoprec_command: Command, trial_ids: list[str]) -> None:
    exported = autoprec_command("export", "-")
    assert len(trial_ids) + 1 == len([json.loads(line) for line in exported.out.splitlines()])
