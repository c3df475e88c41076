"""A store in an SQL database."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime

from sqlalchemy import Connection, Engine, insert, select, update
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import NoSuchModuleError

from autoprec_probe.agent.report import Report
from autoprec_runner.study import Study, StudyStatus
from autoprec_runner.trial import Trial, TrialStatus
from autoprec_service.errors import StoreError
from autoprec_service.fleet import Arrival, Node
from autoprec_service.store.contract import TELEMETRY_KEPT, ReportKind, Store
from autoprec_service.store.documents import read_study, read_trial
from autoprec_service.store.engine import store_engine, writer
from autoprec_service.store.failures import reported
from autoprec_service.store.nodes import add_arrivals, find_node, find_nodes, find_reports
from autoprec_service.store.place import check_place, name_of
from autoprec_service.store.rows import (
    Row,
    check_same_question,
    check_same_trial,
    check_studies_known,
    study_row,
    trial_row,
)
from autoprec_service.store.schema import prepare
from autoprec_service.store.tables import StudyRow, TrialRow

Table = type[StudyRow] | type[TrialRow]

_CHUNK = 500  # SQLite before 3.32 takes at most 999 variables in a statement


class SqlStore(Store):
    """A store at an SQLAlchemy URL, such as `sqlite:////home/me/autoprec.db`; its tables are made or migrated.

    Raises:
        StoreError: The place cannot be used; the message says why and what to do.
        StoreTooNewError: The store was written by a newer autoprec; it is left untouched.
    """

    def __init__(self, url: str | URL, *, telemetry_kept: int = TELEMETRY_KEPT) -> None:
        place = make_url(url)
        self._where = name_of(place)
        check_place(place)
        self._telemetry_kept = telemetry_kept
        self._closed = False
        self._engine = self._opened(place)
        self._writer = writer(self._engine)

    def __repr__(self) -> str:
        """Return the class and the place."""
        return f"{type(self).__name__}({self._where})"

    def save_study(self, study: Study) -> None:
        """Store a study, or replace what is stored under its id."""
        row = study_row(study)
        with self._transaction(self._writer, "written") as connection:
            stored = _documents(connection, StudyRow, [study.id])
            if study.id in stored:
                check_same_question(study, read_study(stored[study.id]))
                connection.execute(update(StudyRow).where(StudyRow.id == study.id).values(row))
            else:
                connection.execute(insert(StudyRow), [row])

    def study(self, id: str) -> Study | None:  # noqa: A002 (see Store)
        """Return the study of this id, None where there is none."""
        found = self._find(StudyRow, {"id": id}, None, None)
        return read_study(found[0]) if found else None

    def studies(
        self,
        *,
        model_fingerprint: str | None = None,
        hardware_key: str | None = None,
        workload_key: str | None = None,
        status: StudyStatus | None = None,
        limit: int | None = None,
        after: str | None = None,
    ) -> list[Study]:
        """Return the studies that match every filter, in the order in which they were first saved."""
        filters = {
            "model_fingerprint": model_fingerprint,
            "hardware_key": hardware_key,
            "workload_key": workload_key,
            "status": status,
        }
        return [read_study(document) for document in self._find(StudyRow, filters, limit, after)]

    def add_trials(self, trials: Iterable[Trial]) -> int:
        """Add trials, all or none, and return how many of them were new."""
        rows = [trial_row(trial) for trial in trials]
        with self._transaction(self._writer, "written") as connection:
            fresh = _without_known(rows, _documents(connection, TrialRow, [row["id"] for row in rows]))
            check_studies_known(fresh, set(_documents(connection, StudyRow, [row["study_id"] for row in fresh])))
            if fresh:
                connection.execute(insert(TrialRow), fresh)
        return len(fresh)

    def trial(self, id: str) -> Trial | None:  # noqa: A002 (see Store)
        """Return the trial of this id, None where there is none."""
        found = self._find(TrialRow, {"id": id}, None, None)
        return read_trial(found[0]) if found else None

    def trials(
        self,
        *,
        study_id: str | None = None,
        model_fingerprint: str | None = None,
        hardware_key: str | None = None,
        workload_key: str | None = None,
        precision: str | None = None,
        status: TrialStatus | None = None,
        limit: int | None = None,
        after: str | None = None,
    ) -> list[Trial]:
        """Return the trials that match every filter, in the order in which they were added."""
        filters = {
            "study_id": study_id,
            "model_fingerprint": model_fingerprint,
            "hardware_key": hardware_key,
            "workload_key": workload_key,
            "precision": precision,
            "status": status,
        }
        return [read_trial(document) for document in self._find(TrialRow, filters, limit, after)]

    def add_reports(self, name: str, reports: Iterable[Report], *, sent_at: datetime, received_at: datetime) -> int:
        """Add reports of a machine, all or none, bring its state up to date, and return how many of them were new."""
        arrivals = [Arrival.of(each, sent_at=sent_at, received_at=received_at) for each in reports]
        with self._transaction(self._writer, "written") as connection:
            return add_arrivals(connection, name, arrivals, self._telemetry_kept)

    def node(self, name: str) -> Node | None:
        """Return the current state of a machine, None where it never reported."""
        with self._transaction(self._engine, "read") as connection:
            return find_node(connection, name)

    def nodes(self, *, limit: int | None = None, after: str | None = None) -> list[Node]:
        """Return the machines in the order of their names."""
        _check_limit(limit)
        with self._transaction(self._engine, "read") as connection:
            return find_nodes(connection, limit, after)

    def reports(
        self,
        name: str,
        *,
        kind: ReportKind | None = None,
        limit: int | None = None,
        after: str | None = None,
    ) -> list[Report]:
        """Return the kept reports of a machine in the order in which they arrived."""
        _check_limit(limit)
        with self._transaction(self._engine, "read") as connection:
            return find_reports(connection, name, kind, limit, after)

    def close(self) -> None:
        """Let go of every connection."""
        self._closed = True
        self._engine.dispose()

    def _opened(self, place: URL) -> Engine:
        with reported(self._where, "opened"):
            try:
                engine = store_engine(place)
            except (ModuleNotFoundError, NoSuchModuleError) as error:
                raise StoreError(
                    f"The store {self._where} could not be opened: {error}. Install the driver of this database, "
                    "or give the path of a file.",
                ) from error
            try:
                prepare(engine, self._where)
            except BaseException:
                engine.dispose()
                raise
            return engine

    @contextmanager
    def _transaction(self, engine: Engine, done: str) -> Iterator[Connection]:
        if self._closed:
            raise StoreError(f"The store {self._where} is closed. Open it again with open_store().")
        with reported(self._where, done), engine.begin() as connection:
            yield connection

    def _find(self, table: Table, filters: dict[str, str | None], limit: int | None, after: str | None) -> list[str]:
        _check_limit(limit)
        asked = [getattr(table, name) == value for name, value in filters.items() if value is not None]
        statement = select(table.document).where(*asked).order_by(table.position).limit(limit)
        with self._transaction(self._engine, "read") as connection:
            if after is not None:
                statement = statement.where(table.position > self._position(connection, table, after))
            return list(connection.scalars(statement))

    def _position(self, connection: Connection, table: Table, after: str) -> int:
        position = connection.scalar(select(table.position).where(table.id == after))
        if position is None:
            raise StoreError(
                f"The store {self._where} holds no record {after!r} in {table.__tablename__} to go on after: "
                "give the id of the last record of the page before.",
            )
        return position


def _check_limit(limit: int | None) -> None:
    if limit is not None and limit < 0:
        raise ValueError(f"limit={limit} is negative: give how many records a page holds, or None for all.")


def _documents(connection: Connection, table: Table, ids: list[str]) -> dict[str, str]:
    """Return the stored documents among `ids`, by id."""
    found: dict[str, str] = {}
    for start in range(0, len(ids), _CHUNK):
        chunk = ids[start : start + _CHUNK]
        rows = connection.execute(select(table.id, table.document).where(table.id.in_(chunk)))
        found.update((row.id, row.document) for row in rows)
    return found


def _without_known(rows: list[Row], known: dict[str, str]) -> list[Row]:
    """Return the rows whose id is new, once each, after checking that the others say the same."""
    seen = dict(known)
    fresh = []
    for row in rows:
        if row["id"] in seen:
            check_same_trial(row, seen[row["id"]])
        else:
            seen[row["id"]] = row["document"]
            fresh.append(row)
    return fresh
