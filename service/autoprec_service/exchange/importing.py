"""From a file to a store."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TextIO

from autoprec_runner.study import Study
from autoprec_runner.trial import Trial
from autoprec_service.errors import StoreConflictError
from autoprec_service.exchange.files import reading
from autoprec_service.exchange.lines import record_of
from autoprec_service.exchange.report import ImportReport, RefusedLine
from autoprec_service.store.contract import Store
from autoprec_service.store.rows import check_same_question

_PAGE = 1000

NumberedTrial = tuple[int, Trial]


def import_jsonl(store: Store, file: str | Path | TextIO) -> ImportReport:
    """Add the records of a file to the store, and report each line that could not be added.

    A bad line never loses the others: what is wrong with it is told in the report, not raised. A record that is stored
    already is left as it is, so that importing twice, or importing an old file, does no harm. Trials may come before
    their studies.

    Raises:
        ExchangeError: The file cannot be read.
        StoreError: The store cannot be read or written.
    """
    intake = Intake(store=store)
    with reading(file) as stream:
        for number, line in enumerate(stream, start=1):
            intake.take(number, line)
    intake.add_trials()
    return intake.report()


@dataclass(kw_only=True)
class Intake:
    """The state of one import: studies are saved as they come, trials page by page.

    A page that the store refuses waits until every study is there, and is then added trial by trial.
    """

    store: Store
    page: list[NumberedTrial] = field(default_factory=list)
    waiting: list[NumberedTrial] = field(default_factory=list)
    new: int = 0
    known: int = 0
    refused: list[RefusedLine] = field(default_factory=list)

    def take(self, number: int, line: str) -> None:
        """Take a line."""
        if not line.strip():
            return
        try:
            record = record_of(line)
        except ValueError as error:
            self.refuse(number, error)
            return
        self.take_record(number, record)

    def take_record(self, number: int, record: Study | Trial) -> None:
        """Take a record that was read already."""
        if isinstance(record, Study):
            self._take_study(number, record)
            return
        self.page.append((number, record))
        if len(self.page) == _PAGE:
            self._add_page()

    def refuse(self, number: int, error: Exception) -> None:
        """Note what could not be read."""
        self.refused.append(RefusedLine(line=number, reason=str(error)))

    def add_trials(self) -> None:
        """Add the trials that wait, once every study is there."""
        self._add_page()
        self._add_one_by_one(self.waiting)

    def report(self) -> ImportReport:
        """Return what became of each line."""
        refused = sorted(self.refused, key=lambda each: each.line)
        return ImportReport(new=self.new, known=self.known, refused=tuple(refused))

    def _take_study(self, number: int, study: Study) -> None:
        earlier = self.store.study(study.id)
        if earlier is None:
            self.store.save_study(study)
            self.new += 1
            return
        try:
            check_same_question(study, earlier)
            self.known += 1
        except StoreConflictError as error:
            self.refuse(number, error)

    def _add_one_by_one(self, page: Iterable[NumberedTrial]) -> None:
        for number, trial in page:
            try:
                self._add([trial])
            except StoreConflictError as error:
                self.refuse(number, error)

    def _add(self, trials: list[Trial]) -> None:
        new = self.store.add_trials(trials)
        self.new += new
        self.known += len(trials) - new

    def _add_page(self) -> None:
        try:
            self._add([trial for _, trial in self.page])
        except StoreConflictError:
            self.waiting += self.page
        self.page = []
