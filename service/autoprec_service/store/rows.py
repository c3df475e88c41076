"""Records as rows: the columns that are queried, and the document."""

from autoprec_runner.study import Study
from autoprec_runner.trial import Trial
from autoprec_service.errors import StoreConflictError
from autoprec_service.store.documents import document_of, read, say_the_same

Row = dict[str, str]

_NEVER_CHANGES = ("model_fingerprint", "workload_key", "hardware_key", "mode")


def study_row(study: Study) -> Row:
    """Return the columns of a study."""
    columns = ("id", *_NEVER_CHANGES, "status")
    return {name: getattr(study, name) for name in columns} | {"document": document_of(study)}


def trial_row(trial: Trial) -> Row:
    """Return the columns of a trial."""
    columns = ("id", "study_id", "model_fingerprint", "workload_key", "hardware_key", "mode", "status")
    found = {name: getattr(trial, name) for name in columns}
    return found | {"precision": trial.candidate.precision, "document": document_of(trial)}


def check_same_question(study: Study, earlier: Study) -> None:
    """Refuse to replace a stored study by one that asks something else.

    Raises:
        StoreConflictError: Model, workload, machine or mode differ.
    """
    different = [name for name in _NEVER_CHANGES if getattr(study, name) != getattr(earlier, name)]
    if different:
        told = ", ".join(f"{name} {getattr(study, name)!r} instead of {getattr(earlier, name)!r}" for name in different)
        raise StoreConflictError(
            f"The study {study.id!r} is stored already and asks something else: {told}. "
            "Save it under an id of its own; a stored study keeps its model, workload, machine and mode.",
        )


def check_same_trial(row: Row, stored: str) -> None:
    """Refuse a trial whose id is taken by another one.

    Raises:
        StoreConflictError: The contents differ.
    """
    # Documents of an older version lack the fields that were added since: reading them fills in the defaults.
    if row["document"] != stored and not say_the_same(row["document"], document_of(read(Trial, stored))):
        raise StoreConflictError(
            f"The trial {row['id']!r} is there already with another content. "
            "A trial is never changed: give a new measurement an id of its own.",
        )


def check_studies_known(rows: list[Row], known: set[str]) -> None:
    """Refuse trials of studies that were never saved.

    Raises:
        StoreConflictError: The study of a trial is not among the known ones.
    """
    orphan = next((row for row in rows if row["study_id"] not in known), None)
    if orphan is not None:
        raise StoreConflictError(
            f"The trial {orphan['id']!r} belongs to the study {orphan['study_id']!r}, which is not stored. "
            "Save the study first.",
        )
