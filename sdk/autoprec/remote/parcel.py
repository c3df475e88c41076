"""One record on its way to a service."""

from dataclasses import dataclass
from typing import Literal

from autoprec_runner.description import ModelDescription
from autoprec_runner.study import Study
from autoprec_runner.trial import Trial
from autoprec_service.run import Run
from autoprec_service.store.documents import document_of, read

ParcelKind = Literal["study", "description", "trial", "run"]
Record = Study | ModelDescription | Trial | Run

_SCHEMAS: dict[ParcelKind, type[Record]] = {
    "study": Study,
    "description": ModelDescription,
    "trial": Trial,
    "run": Run,
}


@dataclass(frozen=True, kw_only=True)
class Parcel:
    """A record with its kind and id; a later one of the same kind and id takes its place, unless it is a trial."""

    kind: ParcelKind
    id: str
    document: str
    """The record as JSON."""
    group: str = ""
    """The study that a trial belongs to."""
    number: int = 0
    """Its place in the outbox; 0 before it is there."""

    @classmethod
    def of(cls, record: Record) -> "Parcel":
        """Return the parcel of a record."""
        kind = next(name for name, schema in _SCHEMAS.items() if isinstance(record, schema))
        id_ = record.model_fingerprint if isinstance(record, ModelDescription) else record.id
        group = record.study_id if isinstance(record, Trial) else ""
        return cls(kind=kind, id=id_, document=document_of(record), group=group)

    def study(self) -> Study:
        """Return the study in it."""
        return read(Study, self.document)

    def trial(self) -> Trial:
        """Return the trial in it."""
        return read(Trial, self.document)

    def description(self) -> ModelDescription:
        """Return the description in it."""
        return read(ModelDescription, self.document)

    def run(self) -> Run:
        """Return the run in it."""
        return read(Run, self.document)
