"""A store in an SQL database."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from copy import copy
from datetime import datetime
from pathlib import Path
from threading import Event

from sqlalchemy import Engine
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import NoSuchModuleError

from autoprec_probe.agent.report import Report
from autoprec_runner.description import ModelDescription
from autoprec_runner.study import Study, StudyStatus
from autoprec_runner.trial import Mode, Trial, TrialStatus
from autoprec_service.asked import AskedRecommendation
from autoprec_service.change import Change
from autoprec_service.errors import StoreError
from autoprec_service.fleet import Arrival, Node
from autoprec_service.outcome import Outcome
from autoprec_service.pruned import Pruned, PruneKind
from autoprec_service.run import Run
from autoprec_service.store import accounts, ingest
from autoprec_service.store.backups import back_up
from autoprec_service.store.changes import find_changes, last_change
from autoprec_service.store.checking import problems
from autoprec_service.store.contract import DEFAULT_TENANT, TELEMETRY_KEPT, ReportKind, Store
from autoprec_service.store.documents import read
from autoprec_service.store.engine import store_engine, writer
from autoprec_service.store.failures import reported
from autoprec_service.store.filters import Filters, check_limit, find_document, find_documents
from autoprec_service.store.nodes import add_arrivals, find_node, find_nodes, find_reports
from autoprec_service.store.outcomes import find_outcomes
from autoprec_service.store.overview import count_all, find_hardware, find_models
from autoprec_service.store.place import check_place, driven, name_of
from autoprec_service.store.retention import prune
from autoprec_service.store.schema import prepare
from autoprec_service.store.scope import Scope, checked_tenant, open_scope
from autoprec_service.store.tables import AskedRow, RecordRow, RunRow, StudyRow, TrialRow
from autoprec_service.summaries import HardwareSummary, ModelSummary, StoreCounts


class SqlStore(Store):
    """A store at an SQLAlchemy URL, such as `sqlite:////home/me/autoprec.db`; its tables are made or migrated.

    Raises:
        StoreError: The place cannot be used; the message says why and what to do.
        StoreTooNewError: The store was written by a newer autoprec; it is left untouched.
    """

    def __init__(self, url: str | URL, *, tenant: str = DEFAULT_TENANT, telemetry_kept: int = TELEMETRY_KEPT) -> None:
        place = driven(make_url(url))
        self._tenant = checked_tenant(tenant)
        self._where = name_of(place)
        check_place(place)
        self._telemetry_kept = telemetry_kept
        self._closed = Event()
        self._shared: Scope | None = None
        self._engine = self._opened(place)
        self._writer = writer(self._engine)

    def __repr__(self) -> str:
        """Return the class and the place."""
        return f"{type(self).__name__}({self._where})"

    @property
    def tenant(self) -> str:
        """Whose records these are."""
        return self._tenant

    def for_tenant(self, name: str) -> "SqlStore":
        """Return the store of another tenant at the same place; closing one closes all."""
        other = copy(self)
        other._tenant, other._shared = checked_tenant(name), None  # noqa: SLF001 (another one of ourselves)
        return other

    @contextmanager
    def reading(self) -> Iterator["SqlStore"]:
        """Return this store for a few reads in a row by one thread: they share one transaction."""
        with self._reading() as scope:
            other = copy(self)
            other._shared = scope  # noqa: SLF001 (another one of ourselves)
            yield other

    def save_studies(self, studies: Iterable[Study]) -> int:
        """Store studies, or replace what is stored under their ids, all or none, and return how many were new."""
        given = list(studies)
        with self._writing() as scope:
            return ingest.save_studies(scope, given)

    def study(self, id: str) -> Study | None:  # noqa: A002 (see Store)
        """Return the study of this id, None where there is none."""
        with self._reading() as scope:
            document = find_document(scope, StudyRow, id)
        return None if document is None else read(Study, document)

    def studies(
        self,
        *,
        model_fingerprint: str | None = None,
        hardware_key: str | None = None,
        workload_key: str | None = None,
        mode: Mode | None = None,
        status: StudyStatus | None = None,
        newest_first: bool = False,
        limit: int | None = None,
        after: str | None = None,
    ) -> list[Study]:
        """Return the studies that match every filter, in the order in which they were first saved."""
        filters = {
            "model_fingerprint": model_fingerprint,
            "hardware_key": hardware_key,
            "workload_key": workload_key,
            "mode": mode,
            "status": status,
        }
        found = self._find(StudyRow, filters, limit=limit, after=after, newest_first=newest_first)
        return [read(Study, document) for document in found]

    def add_trials(self, trials: Iterable[Trial]) -> int:
        """Add trials, all or none, and return how many of them were new."""
        given = list(trials)
        with self._writing() as scope:
            return ingest.add_trials(scope, given)

    def trial(self, id: str) -> Trial | None:  # noqa: A002 (see Store)
        """Return the trial of this id, None where there is none."""
        with self._reading() as scope:
            document = find_document(scope, TrialRow, id)
        return None if document is None else read(Trial, document)

    def trials(
        self,
        *,
        study_id: str | None = None,
        model_fingerprint: str | None = None,
        hardware_key: str | None = None,
        workload_key: str | None = None,
        precision: str | None = None,
        mode: Mode | None = None,
        status: TrialStatus | None = None,
        newest_first: bool = False,
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
            "mode": mode,
            "status": status,
        }
        found = self._find(TrialRow, filters, limit=limit, after=after, newest_first=newest_first)
        return [read(Trial, document) for document in found]

    def outcomes(
        self,
        *,
        model_fingerprint: str | None = None,
        hardware_key: str | None = None,
        mode: Mode | None = None,
        study_id: str | None = None,
        limit: int | None = None,
        after: str | None = None,
    ) -> list[Outcome]:
        """Return the outcomes that match every filter, in the order in which their candidates were first tried."""
        check_limit(limit)
        filters = {
            "model_fingerprint": model_fingerprint,
            "hardware_key": hardware_key,
            "mode": mode,
            "study_id": study_id,
        }
        with self._reading() as scope:
            return find_outcomes(scope, filters, limit, after)

    def save_description(self, description: ModelDescription) -> None:
        """Store a description, or replace that of the same model."""
        with self._writing() as scope:
            accounts.save_description(scope, description)

    def description(self, fingerprint: str) -> ModelDescription | None:
        """Return the description of a model, None where it was never described."""
        with self._reading() as scope:
            return accounts.find_description(scope, fingerprint)

    def descriptions(self, *, limit: int | None = None, after: str | None = None) -> list[ModelDescription]:
        """Return descriptions in the order of their fingerprints."""
        check_limit(limit)
        with self._reading() as scope:
            return accounts.find_descriptions(scope, limit, after)

    def models(
        self, *, search: str | None = None, limit: int | None = None, after: str | None = None
    ) -> list[ModelSummary]:
        """Return the models whose name or fingerprint contains `search`, by name."""
        check_limit(limit)
        with self._reading() as scope:
            return find_models(scope, search, limit, after)

    def hardware(
        self, *, search: str | None = None, limit: int | None = None, after: str | None = None
    ) -> list[HardwareSummary]:
        """Return the hardware whose name or key contains `search`, by key."""
        check_limit(limit)
        with self._reading() as scope:
            return find_hardware(scope, search, limit, after)

    def counts(self) -> StoreCounts:
        """Return how much there is."""
        with self._reading() as scope:
            return count_all(scope)

    def changes(self, after: int | None = None, limit: int | None = None) -> list[Change]:
        """Return what was written behind a position, the oldest first."""
        check_limit(limit)
        with self._reading() as scope:
            return find_changes(scope, after, limit)

    def last_change(self) -> int:
        """Return the position of the newest change, 0 where there is none."""
        with self._reading() as scope:
            return last_change(scope)

    def add_recommendations(self, asked: Iterable[AskedRecommendation]) -> int:
        """Add recommendations that were asked for, all or none, and return how many of them were new."""
        given = list(asked)
        with self._writing() as scope:
            return accounts.add_recommendations(scope, given)

    def recommendations(
        self,
        *,
        model_fingerprint: str | None = None,
        hardware_key: str | None = None,
        newest_first: bool = False,
        limit: int | None = None,
        after: str | None = None,
    ) -> list[AskedRecommendation]:
        """Return the recommendations that match every filter, in the order in which they were added."""
        filters = {"model_fingerprint": model_fingerprint, "hardware_key": hardware_key}
        found = self._find(AskedRow, filters, limit=limit, after=after, newest_first=newest_first)
        return [read(AskedRecommendation, document) for document in found]

    def save_run(self, run: Run) -> None:
        """Store a run, or replace what is stored under its id unless that was seen later."""
        with self._writing() as scope:
            accounts.save_run(scope, run)

    def runs(
        self,
        *,
        node: str | None = None,
        model_fingerprint: str | None = None,
        hardware_key: str | None = None,
        ended: bool | None = None,
        newest_first: bool = False,
        limit: int | None = None,
        after: str | None = None,
    ) -> list[Run]:
        """Return the runs that match every filter, in the order in which they were first saved."""
        filters = {
            "node": node,
            "model_fingerprint": model_fingerprint,
            "hardware_key": hardware_key,
            "ended": ended,
        }
        found = self._find(RunRow, filters, limit=limit, after=after, newest_first=newest_first)
        return [read(Run, document) for document in found]

    def add_reports(self, name: str, reports: Iterable[Report], *, sent_at: datetime, received_at: datetime) -> int:
        """Add reports of a machine, all or none, bring its state up to date, and return how many of them were new."""
        arrivals = [Arrival.of(each, sent_at=sent_at, received_at=received_at) for each in reports]
        with self._writing() as scope:
            return add_arrivals(scope, name, arrivals, self._telemetry_kept)

    def node(self, name: str) -> Node | None:
        """Return the current state of a machine, None where it never reported."""
        with self._reading() as scope:
            return find_node(scope, name)

    def nodes(self, *, limit: int | None = None, after: str | None = None) -> list[Node]:
        """Return the machines in the order of their names."""
        check_limit(limit)
        with self._reading() as scope:
            return find_nodes(scope, limit, after)

    def reports(
        self,
        name: str,
        *,
        kind: ReportKind | None = None,
        limit: int | None = None,
        after: str | None = None,
    ) -> list[Report]:
        """Return the kept reports of a machine in the order in which they arrived."""
        check_limit(limit)
        with self._reading() as scope:
            return find_reports(scope, name, kind, limit, after)

    def prune(self, kinds: Collection[PruneKind], *, before: datetime, dry_run: bool = False) -> Pruned:
        """Delete what is older than `before`, and return how much that was, or would be."""
        with self._writing() as scope:
            return prune(scope, kinds, before=before, dry_run=dry_run)

    def backup(self, path: Path) -> None:
        """Write everything, of all tenants, to a new file."""
        self._check_open()
        back_up(self._engine, path, self._where)

    def check(self, *, repair: bool = False) -> list[str]:
        """Return what is wrong with the place, of all tenants, in sentences."""
        self._check_open()
        with reported(self._where, "checked"):
            return problems(self._writer, repair=repair)

    def close(self) -> None:
        """Let go of every connection."""
        self._closed.set()
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

    def _check_open(self) -> None:
        if self._closed.is_set():
            raise StoreError(f"The store {self._where} is closed. Open it again with open_store().")

    @contextmanager
    def _reading(self) -> Iterator[Scope]:
        self._check_open()
        with reported(self._where, "read"):
            if self._shared is not None:
                yield self._shared
                return
            with self._engine.begin() as connection:
                yield open_scope(connection, self._tenant, writes=False)

    @contextmanager
    def _writing(self) -> Iterator[Scope]:
        self._check_open()
        with reported(self._where, "written"), self._writer.begin() as connection:
            yield open_scope(connection, self._tenant, writes=True)

    def _find(
        self,
        table: type[RecordRow],
        filters: Filters,
        *,
        limit: int | None = None,
        after: str | None = None,
        newest_first: bool = False,
    ) -> Sequence[str]:
        check_limit(limit)
        with self._reading() as scope:
            return find_documents(scope, table, filters, limit=limit, after=after, newest_first=newest_first)
