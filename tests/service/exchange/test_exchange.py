import io
import json
import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from autoprec_service.errors import ExchangeError
from autoprec_service.exchange import ImportReport, export_jsonl, import_jsonl
from autoprec_service.store import Store, open_store
from autoprec_service.testing import make_study, make_trial


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with open_store(tmp_path / "here.db") as opened:
        yield opened


@pytest.fixture
def other(tmp_path: Path) -> Iterator[Store]:
    with open_store(tmp_path / "there.db") as opened:
        yield opened


@pytest.fixture
def full(store: Store) -> Store:
    for name in ("study-a", "study-b", "idle"):
        store.save_study(make_study(id=name))
    trials = [make_trial(id=f"{number:03}", study_id=f"study-{'ab'[number % 2]}") for number in range(450)]
    store.add_trials(trials)
    return store


def exported(store: Store, **filters: Any) -> list[str]:
    stream = io.StringIO()
    lines = export_jsonl(store, stream, **filters)
    assert lines == len(stream.getvalue().splitlines())
    return stream.getvalue().splitlines(keepends=True)


def imported(store: Store, *lines: str) -> ImportReport:
    return import_jsonl(store, io.StringIO("".join(lines)))


def line(kind: str, record: Any, version: Any = 1) -> str:
    return json.dumps({"format": version, "kind": kind, "record": record}) + "\n"


def refusals(report: ImportReport) -> dict[int, str]:
    return {each.line: each.reason for each in report.refused}


def test_everything_is_carried_over(full: Store, other: Store, tmp_path: Path) -> None:
    file = tmp_path / "all.jsonl"
    assert 453 == export_jsonl(full, file)
    assert ImportReport(new=453, known=0) == import_jsonl(other, file)
    assert full.trials() == other.trials()
    assert {study.id for study in full.studies()} == {study.id for study in other.studies()}


def test_importing_again_changes_nothing(full: Store, other: Store) -> None:
    lines = exported(full)
    imported(other, *lines)
    assert ImportReport(new=0, known=453) == imported(other, *lines)


def test_each_line_tells_its_kind_and_format(full: Store) -> None:
    first, second, *_ = (json.loads(each) for each in exported(full))
    assert (1, "study", "study-a") == (first["format"], first["kind"], first["record"]["id"])
    assert (1, "trial", "000") == (second["format"], second["kind"], second["record"]["id"])


def test_a_filter_keeps_the_trials_it_matches_and_their_studies(full: Store) -> None:
    kinds = [json.loads(each)["kind"] for each in exported(full, study_id="study-b")]
    assert ["study", *["trial"] * 225] == kinds
    assert [] == exported(full, precision="16-true")


def test_numbers_that_are_none_are_carried_over(store: Store, other: Store) -> None:
    store.save_study(make_study())
    store.add_trials([make_trial(losses=[math.nan, math.inf])])
    imported(other, *exported(store))
    (trial,) = other.trials()
    assert "(nan, inf)" == repr(trial.losses)


def test_trials_may_come_before_their_study(full: Store, other: Store) -> None:
    assert ImportReport(new=453) == imported(other, *reversed(exported(full)))


def test_a_study_that_went_on_here_is_not_set_back(store: Store, other: Store) -> None:
    store.save_study(make_study())
    other.save_study(make_study(status="complete"))
    assert ImportReport(known=1) == imported(other, *exported(store))
    assert "complete" == other.studies()[0].status


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        ("nonsense\n", "The line is not JSON"),
        ("[1]\n", "no JSON object"),
        ("[" * 100_000 + "\n", "The line is not JSON"),
        (line("trial", {}, 2), "The format is 2, from a newer autoprec; this one reads up to 1. Upgrade autoprec."),
        (line("trial", {}, "one"), "The format is 'one'; it must be a number from 1 to 1."),
        (line("model", {}), "The kind is 'model'; it must be one of: study, trial."),
        (line("trial", {"id": "x"}), "study_id: Field required; .* more"),
        (line("trial", None), "The trial does not fit the schema: record: "),
        ("\udcff\n", "The line is not UTF-8"),
    ],
)
def test_a_bad_line_is_refused_and_loses_no_other(full: Store, other: Store, bad: str, reason: str) -> None:
    lines = exported(full)
    report = imported(other, *lines[:3], bad, "\n", *lines[3:])
    assert (453, 0) == (report.new, report.known)
    ((number, told),) = refusals(report).items()
    assert 4 == number
    assert re.search(reason, told)


def test_an_unknown_precision_is_refused_with_its_name(full: Store, other: Store) -> None:
    lines = exported(full)
    report = imported(other, *(each.replace("32-true", "posit-true") if '"001"' in each else each for each in lines))
    ((_, told),) = refusals(report).items()
    assert "Unknown precision 'posit-true'" in told
    assert 452 == report.new


def test_contradictions_are_refused_one_by_one(full: Store, other: Store) -> None:
    other.save_study(make_study(hardware_key="nvidia-x"))
    other.save_study(make_study(id="study-b"))
    other.add_trials([make_trial(id="001", study_id="study-b", seconds=9.0)])
    orphan = line("trial", json.loads(make_trial(id="orphan", study_id="lost").model_dump_json()))
    report = imported(other, *exported(full), orphan)
    assert {1, 4, 454} == set(refusals(report))
    assert "asks something else" in refusals(report)[1]
    assert "there already with another content" in refusals(report)[4]
    assert "which is not stored" in refusals(report)[454]
    assert "450 new, 1 already there, 3 refused.\nline 1: " in str(report)


def test_a_missing_file_is_told(store: Store, tmp_path: Path) -> None:
    with pytest.raises(ExchangeError, match=r"lost\.jsonl cannot be read: No such file"):
        import_jsonl(store, tmp_path / "lost.jsonl")


def test_an_export_that_fails_keeps_what_the_file_had(full: Store, tmp_path: Path) -> None:
    file = tmp_path / "all.jsonl"
    file.write_text("what it had")
    (tmp_path / "all.jsonl.part").mkdir()
    with pytest.raises(ExchangeError, match="cannot be written"):
        export_jsonl(full, file)
    assert "what it had" == file.read_text()


def test_files_with_a_byte_order_mark_and_broken_bytes_are_read(full: Store, other: Store, tmp_path: Path) -> None:
    file = tmp_path / "all.jsonl"
    file.write_bytes(b"\xef\xbb\xbf" + "".join(exported(full)).encode() + b'{"broken": "\xff"}\n')
    report = import_jsonl(other, file)
    assert (453, {454: "The line is not UTF-8."}) == (report.new, refusals(report))
