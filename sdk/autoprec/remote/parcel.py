"""One record on its way to a service."""

from dataclasses import dataclass
from typing import Literal, get_args

from pydantic import BaseModel

from autoprec_runner.description import ModelDescription
from autoprec_runner.study import Study
from autoprec_runner.trial import Trial
from autoprec_service.run import Run
from autoprec_service.store.documents import document_of, read_study, read_trial

ParcelKind = Literal["study", "description", "trial", "run"]
KINDS: tuple[ParcelKind, ...] = get_args(ParcelKind)
"""In the order in which they are delivered: a trial needs its study."""

Record = Study | ModelDescription | Trial | Run


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
        if isinstance(record, Trial):
            return cls(kind="trial", id=record.id, document=document_of(record), group=record.study_id)
        if isinstance(record, Study):
            return cls(kind="study", id=record.id, document=document_of(record))
        if isinstance(record, Run):
            return cls(kind="run", id=record.id, document=_plain(record))
        return cls(kind="description", id=record.model_fingerprint, document=_plain(record))

    def study(self) -> Study:
        """Return the study in it."""
        return read_study(self.document)

    def trial(self) -> Trial:
        """Return the trial in it."""
        return read_trial(self.document)

    def description(self) -> ModelDescription:
        """Return the description in it."""
        return ModelDescription.model_validate_json(self.document)

    def run(self) -> Run:
        """Return the run in it."""
        return Run.model_validate_json(self.document)


def _plain(record: BaseModel) -> str:
    return record.model_dump_json(round_trip=True)
