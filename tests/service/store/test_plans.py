"""What the databases make of the questions that are asked most: look-ups in an index, whatever the number of rows."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from sqlalchemy import Connection, event, text
from sqlalchemy.engine import URL

from autoprec_service.store import SqlStore
from autoprec_service.testing import make_study, make_trial

STUDIES = 100
QUESTIONS: dict[str, Callable[[SqlStore], Any]] = {
    "the studies of a model on hardware": lambda store: store.studies(
        model_fingerprint="model-7", hardware_key="cpu-x86-2c", status="complete", newest_first=True, limit=5
    ),
    "a page of running studies": lambda store: store.studies(status="running", newest_first=True, limit=5),
    "the trials of a study": lambda store: store.trials(study_id="study-7"),
    "the good trials of a study": lambda store: store.trials(study_id="study-7", status="ok", mode="train"),
    "a trial": lambda store: store.trial("7"),
    "a page of trials": lambda store: store.trials(after="7", limit=5),
    "the newest trials": lambda store: store.trials(newest_first=True, limit=5),
    "a page of one status": lambda store: store.trials(status="oom", limit=5),
    "a page of one precision": lambda store: store.trials(precision="16-true", newest_first=True, limit=5),
    "a page of one hardware": lambda store: store.trials(hardware_key="other", limit=5),
    "the outcomes of a model": lambda store: store.outcomes(model_fingerprint="model-7", mode="train"),
    "the outcomes on hardware": lambda store: store.outcomes(hardware_key="cpu-x86-2c", limit=5),
    "a page of models": lambda store: store.models(limit=5, after="model-7"),
    "the changes behind a position": lambda store: store.changes(after=7, limit=5),
    "the newest change": lambda store: store.last_change(),
    "the counts": lambda store: store.counts(),
}


@pytest.fixture
def store(url: URL, connection: Connection) -> Iterator[SqlStore]:
    with SqlStore(url) as opened:
        opened.save_studies(
            make_study(
                id=f"study-{number}", model_fingerprint=f"model-{number}", status="complete", workload=str(number)
            )
            for number in range(STUDIES)
        )
        opened.add_trials(
            make_trial(id=str(number), study_id=f"study-{number}", model_fingerprint=f"model-{number}")
            for number in range(STUDIES)
        )
        if connection.dialect.name == "postgresql":
            as_a_million_rows(connection)
        yield opened


def as_a_million_rows(connection: Connection) -> None:
    """Let the planner believe in large tables: it would scan small ones, whatever indexes there are."""
    connection.execute(text("SELECT set_config('autoprec.tenant', '*', true)"))
    connection.execute(text("ANALYZE"))
    connection.commit()
    connection.execute(text("SET enable_seqscan = off"))


def plans(store: SqlStore, connection: Connection, ask: Callable[[SqlStore], Any]) -> list[str]:
    asked: list[tuple[str, Any]] = []
    note = lambda *given: asked.append((given[2], given[3]))  # noqa: E731 (a listener is removed by its name)
    event.listen(store._engine, "before_cursor_execute", note)
    ask(store)
    event.remove(store._engine, "before_cursor_execute", note)
    selects = [each for each in asked if "\nFROM " in each[0]]
    prefix = "EXPLAIN QUERY PLAN " if connection.dialect.name == "sqlite" else "EXPLAIN "
    found = []
    for statement, values in selects:
        rows = connection.exec_driver_sql(prefix + statement, values).all()
        found.append("\n".join(str(row[-1]) for row in rows))
    return found


def is_look_up(plan: str) -> bool:
    """Return whether a plan reads what it was asked for, in order, from an index."""
    bad = ("SCAN ", "TEMP B-TREE FOR ORDER BY", "Seq Scan", "Sort ")
    return not any(each in plan for each in bad)


def test_questions_are_look_ups_in_an_index(store: SqlStore, connection: Connection) -> None:
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT set_config('autoprec.tenant', 'default', true)"))
    found = {question: plans(store, connection, ask) for question, ask in QUESTIONS.items()}
    assert [] == [question for question, each in found.items() if not each]
    assert {} == {question: each for question, each in found.items() if not all(map(is_look_up, each))}


@pytest.mark.parametrize("url", ["sqlite"], indirect=True)
def test_the_narrowest_index_is_chosen(store: SqlStore, connection: Connection) -> None:
    wanted = {
        "the studies of a model on hardware": "studies_tenant_model_fingerprint_hardware_key_position",
        "the good trials of a study": "trials_tenant_study_id_position",
        "the outcomes of a model": "outcomes_tenant_model_fingerprint_position",
    }
    found = {question: plans(store, connection, QUESTIONS[question])[-1] for question in wanted}
    assert {} == {question: found[question] for question, index in wanted.items() if index not in found[question]}


@pytest.mark.parametrize("url", ["sqlite"], indirect=True)
def test_the_outcomes_of_a_study_are_found_by_its_id(store: SqlStore, connection: Connection) -> None:
    (plan,) = plans(store, connection, lambda asked: asked.outcomes(study_id="study-7"))
    assert "(tenant=? AND study_id=?)" in plan
