"""What every store of studies and trials keeps to."""

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterable
from contextlib import AbstractContextManager, nullcontext
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

from autoprec_probe.agent.report import Report
from autoprec_runner.description import ModelDescription
from autoprec_runner.study import Study, StudyStatus
from autoprec_runner.trial import Mode, Trial, TrialStatus
from autoprec_service.asked import AskedRecommendation
from autoprec_service.change import Change
from autoprec_service.fleet import Node
from autoprec_service.outcome import Outcome
from autoprec_service.pruned import Pruned, PruneKind
from autoprec_service.run import Run
from autoprec_service.summaries import HardwareSummary, ModelSummary, StoreCounts

ReportKind = Literal["profile", "telemetry"]
"""Whether a report changed what is known of the machine itself, or told its live values alone."""
DEFAULT_TENANT = "default"
"""Whose records are kept where nobody says."""
TELEMETRY_KEPT = 5760
"""Reports of live values that are kept of each machine: a day's at an interval of 15 seconds."""


class Store(ABC):
    """Studies and trials, kept for whoever asks next.

    *What is acknowledged is kept.* When `save_study` or `add_trials` returns, the records survive the death of the
    process. When one of them raises, nothing of that call was written.

    *Who may write what.* A study is written by whoever runs it and may be saved again: its status, end, budget,
    candidates and hardware facts change as it goes on, the last save wins, and its workload, machine, model and mode
    never change. A trial is added once and never changed or removed; adding it again with the same content does
    nothing, so a sender who does not know whether it got through sends it again. The study of a trial is saved first.

    *Concurrency.* One store may be used by several threads at once, and several processes may hold stores on the same
    place, reading and writing at once. A store is not carried through a fork: the child opens its own.

    *Reading.* Records come back equal to what was given, NaN and infinities in losses included, in the order in which
    they were first written. A trial of a precision that is not installed here is returned as it was recorded.

    *Machines.* The reports of a machine are added as they arrive, in any order and any number of times; each counts
    once. A report that changed the machine's profile is kept for good, of the others the latest of each machine.

    *Tenants.* A store shows the records of one tenant and adds to them; those of others are not there, whatever is
    asked. Ids are a tenant's own: two tenants may use the same one.

    Every method raises `StoreError` when the place cannot be read or written, or when the store was closed.
    """

    @property
    @abstractmethod
    def tenant(self) -> str:
        """Whose records these are."""

    @abstractmethod
    def for_tenant(self, name: str) -> "Store":
        """Return the store of another tenant at the same place; closing one closes all.

        Raises:
            StoreError: `name` is no name of a tenant.
        """

    def reading(self) -> AbstractContextManager["Store"]:
        """Return this store for a few reads in a row by one thread, which take less than one by one.

        What is given is used within the block alone, and is not written to.
        """
        return nullcontext(self)

    def save_study(self, study: Study) -> None:
        """Store a study, or replace what is stored under its id.

        Raises:
            StoreConflictError: The stored study of this id is about another model, workload, machine or mode.
        """
        self.save_studies([study])

    @abstractmethod
    def save_studies(self, studies: Iterable[Study]) -> int:
        """Store studies, or replace what is stored under their ids, all or none, and return how many were new.

        Raises:
            StoreConflictError: A stored study of the same id is about another model, workload, machine or mode.
        """

    @abstractmethod
    def study(self, id: str) -> Study | None:  # noqa: A002 (it is the study's id, in the words of the schema)
        """Return the study of this id, None where there is none."""

    @abstractmethod
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
        """Return the studies that match every filter, in the order in which they were first saved, or against it.

        `limit` is the size of a page and `after` the id of the last study of the page before.

        Raises:
            ValueError: `limit` is negative.
            StoreError: There is no study with the id `after`.
        """

    @abstractmethod
    def add_trials(self, trials: Iterable[Trial]) -> int:
        """Add trials, all or none, and return how many of them were new.

        Raises:
            StoreConflictError: A trial has the id of a stored one and other content, or its study was never saved.
        """

    @abstractmethod
    def trial(self, id: str) -> Trial | None:  # noqa: A002 (it is the trial's id, in the words of the schema)
        """Return the trial of this id, None where there is none."""

    @abstractmethod
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
        """Return the trials that match every filter, in the order in which they were added, or against it.

        `limit` is the size of a page and `after` the id of the last trial of the page before.

        Raises:
            ValueError: `limit` is negative.
            StoreError: There is no trial with the id `after`.
        """

    @abstractmethod
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
        """Return how each candidate of each study ended, in the order in which they were first tried.

        They are derived from the trials when these are added. `after` is the `trial_id` of the last outcome of the page
        before.

        Raises:
            ValueError: `limit` is negative.
            StoreError: There is no trial with the id `after`.
        """

    @abstractmethod
    def save_description(self, description: ModelDescription) -> None:
        """Store a description, or replace that of the same model."""

    @abstractmethod
    def description(self, fingerprint: str) -> ModelDescription | None:
        """Return the description of a model, None where it was never described."""

    @abstractmethod
    def descriptions(self, *, limit: int | None = None, after: str | None = None) -> list[ModelDescription]:
        """Return descriptions in the order of their fingerprints; `after` is the last one of the page before.

        Raises:
            ValueError: `limit` is negative.
        """

    @abstractmethod
    def models(
        self, *, search: str | None = None, limit: int | None = None, after: str | None = None
    ) -> list[ModelSummary]:
        """Return the models that were measured or described, by name.

        With `search`, those whose name or fingerprint contains it, whatever its case. `after` is the last fingerprint
        of the page before.

        Raises:
            ValueError: `limit` is negative.
            StoreError: There is no model with the fingerprint `after`.
        """

    @abstractmethod
    def hardware(
        self, *, search: str | None = None, limit: int | None = None, after: str | None = None
    ) -> list[HardwareSummary]:
        """Return the hardware that was measured on or is reported, by key.

        With `search`, that whose name or key contains it, whatever its case. `after` is the last key of the page
        before.

        Raises:
            ValueError: `limit` is negative.
        """

    @abstractmethod
    def counts(self) -> StoreCounts:
        """Return how much there is."""

    @abstractmethod
    def changes(self, after: int | None = None, limit: int | None = None) -> list[Change]:
        """Return what was written behind a position, the oldest first: the feed of whoever follows the store.

        The latest 100,000 changes of all tenants are kept. A change that is shown is never followed by one that
        was written before it.

        Raises:
            ValueError: `limit` is negative.
        """

    @abstractmethod
    def last_change(self) -> int:
        """Return the position of the newest change, 0 where there is none."""

    @abstractmethod
    def add_recommendations(self, asked: Iterable[AskedRecommendation]) -> int:
        """Add recommendations that were asked for, all or none, and return how many of them were new.

        Raises:
            StoreConflictError: One has the id of a stored one and other content.
        """

    @abstractmethod
    def recommendations(
        self,
        *,
        model_fingerprint: str | None = None,
        hardware_key: str | None = None,
        newest_first: bool = False,
        limit: int | None = None,
        after: str | None = None,
    ) -> list[AskedRecommendation]:
        """Return the recommendations that match every filter, in the order in which they were added, or against it.

        Raises:
            ValueError: `limit` is negative.
            StoreError: There is no recommendation with the id `after`.
        """

    @abstractmethod
    def save_run(self, run: Run) -> None:
        """Store a run, or replace what is stored under its id unless that was seen later."""

    @abstractmethod
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
        """Return the runs that match every filter, in the order in which they were first saved, or against it.

        Raises:
            ValueError: `limit` is negative.
            StoreError: There is no run with the id `after`.
        """

    @abstractmethod
    def add_reports(self, name: str, reports: Iterable[Report], *, sent_at: datetime, received_at: datetime) -> int:
        """Add reports of a machine, all or none, bring its state up to date, and return how many of them were new.

        `sent_at` is by the clock of the sender, `received_at` by our own.
        """

    @abstractmethod
    def node(self, name: str) -> Node | None:
        """Return the current state of a machine, None where it never reported."""

    @abstractmethod
    def nodes(self, *, limit: int | None = None, after: str | None = None) -> list[Node]:
        """Return the machines in the order of their names; `after` is the last name of the page before.

        Raises:
            ValueError: `limit` is negative.
        """

    @abstractmethod
    def reports(
        self,
        name: str,
        *,
        kind: ReportKind | None = None,
        limit: int | None = None,
        after: str | None = None,
    ) -> list[Report]:
        """Return the kept reports of a machine in the order in which they arrived; those of a kind if one is given.

        Raises:
            ValueError: `limit` is negative.
            StoreError: The machine has no report with the id `after`.
        """

    @abstractmethod
    def prune(self, kinds: Collection[PruneKind], *, before: datetime, dry_run: bool = False) -> Pruned:
        """Delete what is older than `before`, all or none, and return how much that was.

        - `telemetry`: live values of machines; what a machine is stays.
        - `superseded`: studies with their trials that asked what a later, complete study asked again; so the evidence
          of the latest study stays, and so do studies that are not complete.
        - `recommendations`: answers that were given.
        - `runs`: training runs that have ended.

        With `dry_run` nothing is deleted, and the answer is what would be.
        """

    @abstractmethod
    def backup(self, path: Path) -> None:
        """Write everything, of all tenants, to a new file, while others may go on reading and writing.

        Raises:
            StoreError: The file is there already or cannot be written, or what writes it is missing.
        """

    @abstractmethod
    def check(self, *, repair: bool = False) -> list[str]:
        """Return what is wrong with the place, of all tenants; with `repair`, what is derived is made anew."""

    @abstractmethod
    def close(self) -> None:
        """Let go of the place. Closing twice is allowed; using a closed store raises `StoreError`."""

    def __enter__(self) -> Self:
        """Return the store, which leaving the block closes."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close the store."""
        self.close()
