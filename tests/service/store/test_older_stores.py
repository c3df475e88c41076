"""Stores of every earlier revision, with their data, on both kinds of database."""

import json

import pytest
from sqlalchemy import Connection, inspect, text
from sqlalchemy.engine import URL

from autoprec_service.fleet import Arrival, updated
from autoprec_service.outcome import outcomes_of
from autoprec_service.store import SqlStore
from autoprec_service.store.documents import document_of
from autoprec_service.store.schema import downgrade, known_revisions, revision, upgrade
from autoprec_service.testing import PROFILE, make_report, make_study, make_trial
from autoprec_service.testing.factories import STARTED_AT

TRIALS = [make_trial(), make_trial("bf16-mixed", seconds=0.5)]
REPORT = make_report(1, profile=PROFILE)
NODE = updated(None, "node", Arrival.of(REPORT, sent_at=STARTED_AT, received_at=STARTED_AT))


def insert(connection: Connection, table: str, **values: object) -> None:
    names = ", ".join(values)
    places = ", ".join(f":{name}" for name in values)
    connection.execute(text(f"INSERT INTO {table} ({names}) VALUES ({places})"), values)  # noqa: S608 (names of ours)


def fill(connection: Connection, version: str) -> None:
    """Write what a store of this revision wrote: documents with sorted keys."""
    study = make_study()
    same = {name: getattr(study, name) for name in ("model_fingerprint", "workload_key", "hardware_key")}
    insert(connection, "studies", id=study.id, **same, mode="train", status="running", document=document_of(study))
    if version >= "0002":
        for trial in TRIALS:
            more = {"precision": trial.candidate.precision, "status": trial.status}
            document = json.dumps(json.loads(document_of(trial)), sort_keys=True)
            insert(connection, "trials", id=trial.id, study_id=study.id, **same, **more, document=document)
    if version >= "0003":
        insert(connection, "nodes", name="node", document=document_of(NODE))
        told = {"kind": "profile", "observed_at": STARTED_AT.timestamp(), "document": document_of(REPORT)}
        insert(connection, "reports", node="node", id=REPORT.id, **told)


@pytest.mark.parametrize("version", ["0001", "0002", "0003"])
def test_an_older_store_keeps_its_data_and_gets_what_is_derived(url: URL, connection: Connection, version: str) -> None:
    upgrade(connection, version)
    fill(connection, version)
    connection.commit()
    with SqlStore(url) as store:
        trials = TRIALS if version >= "0002" else []
        assert [make_study()] == store.studies()
        assert trials == store.trials(mode="train")
        assert len(TRIALS) - len(trials) == store.add_trials(TRIALS)
        assert outcomes_of(TRIALS) == sorted(store.outcomes(), key=lambda each: str(each.candidate))
        assert (1, 2) == (store.counts().studies, store.counts().trials)
        if version >= "0003":
            assert [NODE] == store.nodes()
            assert [REPORT] == store.reports("node")
            assert [(PROFILE.key, 1)] == [(each.key, each.nodes) for each in store.hardware() if each.nodes]
        assert [] == store.check()
        assert [] == store.for_tenant("other").trials()


@pytest.mark.parametrize("version", ["0001", "0002", "0003"])
def test_a_store_goes_back_and_forth_with_its_data(url: URL, connection: Connection, version: str) -> None:
    with SqlStore(url) as store:
        store.save_study(make_study())
        store.add_trials(TRIALS)
        store.add_reports("node", [REPORT], sent_at=STARTED_AT, received_at=STARTED_AT)
        store.for_tenant("other").save_study(make_study())
    downgrade(connection, version)
    connection.commit()
    assert version == revision(connection)
    connection.rollback()
    with SqlStore(url) as store:
        assert [make_study()] == store.studies()
        assert (TRIALS if version >= "0002" else []) == store.trials()
        assert (["node"] if version >= "0003" else []) == [each.name for each in store.nodes()]
        assert [] == store.for_tenant("other").studies()
        assert [] == store.check()
        store.add_trials([make_trial(id="next")])


def test_every_table_goes_and_comes(url: URL, connection: Connection) -> None:
    SqlStore(url).close()
    downgrade(connection, "base")
    assert ["alembic_version"] == inspect(connection).get_table_names()
    for each in known_revisions():
        upgrade(connection, each)
        assert each == revision(connection)
    connection.commit()
    with SqlStore(url) as store:
        assert [] == store.studies()
