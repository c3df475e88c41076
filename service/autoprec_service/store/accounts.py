"""Descriptions of models, runs, and recommendations that were asked for."""

from collections.abc import Iterable

from autoprec_runner.description import ModelDescription
from autoprec_service.asked import AskedRecommendation
from autoprec_service.errors import StoreConflictError
from autoprec_service.run import Run
from autoprec_service.store.changes import note_changes
from autoprec_service.store.documents import document_of, read, say_the_same
from autoprec_service.store.scope import Scope
from autoprec_service.store.tables import AskedRow, DescriptionRow, ModelRow, RunRow


def save_description(scope: Scope, description: ModelDescription) -> None:
    """Store a description, or replace that of the same model, and call the model by it."""
    row = {"model_fingerprint": description.model_fingerprint, "document": document_of(description)}
    scope.upsert(DescriptionRow, [row], key=("model_fingerprint",), changes=lambda new: {"document": new["document"]})
    model = {
        "fingerprint": description.model_fingerprint,
        "name": description.name,
        "parameters": description.parameters,
        "studies": 0,
        "trials": 0,
        "last_measured_at": None,
    }
    scope.upsert(
        ModelRow,
        [model],
        key=("fingerprint",),
        changes=lambda new: {"name": new["name"], "parameters": new["parameters"]},
    )


def find_description(scope: Scope, fingerprint: str) -> ModelDescription | None:
    """Return the description of a model, None where it was never described."""
    mine = DescriptionRow.model_fingerprint == fingerprint
    document = scope.scalar(scope.select(DescriptionRow, DescriptionRow.document).where(mine))
    return None if document is None else read(ModelDescription, document)


def find_descriptions(scope: Scope, limit: int | None, after: str | None) -> list[ModelDescription]:
    """Return descriptions by fingerprint, those behind `after`."""
    key = DescriptionRow.model_fingerprint
    statement = scope.select(DescriptionRow, DescriptionRow.document).order_by(key).limit(limit)
    if after is not None:
        statement = statement.where(key > after)
    return [read(ModelDescription, document) for document in scope.scalars(statement)]


def save_run(scope: Scope, run: Run) -> None:
    """Store a run, or replace what is stored under its id unless that was seen later."""
    stored = scope.scalar(scope.select(RunRow, RunRow.document).where(RunRow.id == run.id))
    if stored is not None and read(Run, stored).seen_at > run.seen_at:
        return
    row = {name: getattr(run, name) for name in ("id", "node", "model_fingerprint", "hardware_key")}
    row |= {"ended": run.ended_at is not None, "document": document_of(run)}
    scope.upsert(RunRow, [row], key=("id",), changes=lambda new: {name: new[name] for name in row if name != "id"})
    note_changes(scope, [("run", run.id, run.model_fingerprint)])


def add_recommendations(scope: Scope, asked: Iterable[AskedRecommendation]) -> int:
    """Add recommendations that were asked for, and return how many of them were new."""
    given = {each.id: each for each in asked}
    found = scope.select(AskedRow, AskedRow.id, AskedRow.document).where(scope.among(AskedRow.id, given))
    known = {row.id: row.document for row in scope.rows(found)}
    for id_, document in known.items():
        if not say_the_same(document, document_of(given[id_])):
            raise StoreConflictError(
                f"The recommendation {id_!r} is there already with another content. Give this one an id of its own.",
            )
    fresh = [each for id_, each in given.items() if id_ not in known]
    columns = ("id", "model_fingerprint", "hardware_key")
    rows = [{name: getattr(each, name) for name in columns} | {"document": document_of(each)} for each in fresh]
    scope.insert(AskedRow, rows)
    return len(fresh)
