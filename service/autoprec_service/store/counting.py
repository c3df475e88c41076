"""How much there is of each model and hardware: counted as it arrives, so that nobody counts a million rows."""

from collections import Counter
from collections.abc import Iterable, Sequence

from sqlalchemy import ColumnElement, case, func

from autoprec_probe.profile import HardwareProfile
from autoprec_runner.study import Study
from autoprec_runner.trial import Trial
from autoprec_service.fleet import Node
from autoprec_service.outcome import in_utc
from autoprec_service.store.scope import Scope
from autoprec_service.store.tables import HardwareRow, ModelRow, NodeRow, PairRow, TrialRow

Pair = tuple[str, str]
"""Fingerprint of a model, and a hardware key."""


def count_studies(scope: Scope, studies: Sequence[Study]) -> None:
    """Count studies that were added, and take over what they call model and hardware."""
    pairs = Counter((study.model_fingerprint, study.hardware_key) for study in studies)
    names = {study.model_fingerprint: study.workload for study in studies}
    names |= {study.hardware_key: hardware_name(study.hardware, study.hardware_key) for study in studies}
    _count(scope, "studies", pairs, names, {})


def count_trials(scope: Scope, trials: Sequence[Trial]) -> None:
    """Count trials that were added."""
    pairs = Counter((trial.model_fingerprint, trial.hardware_key) for trial in trials)
    latest: dict[str, float] = {}
    for trial in trials:
        began = in_utc(trial.started_at).timestamp()
        for key in (trial.model_fingerprint, trial.hardware_key):
            latest[key] = max(began, latest.get(key, began))
    _count(scope, "trials", pairs, {}, latest)


def know_node(scope: Scope, node: Node) -> None:
    """List the hardware that a machine reports, although nothing may have been measured on it, and note whose it is."""
    if node.profile is None:
        return
    key = node.profile.key
    name = hardware_name(node.profile, key)
    row = {"key": key, "name": name, "studies": 0, "trials": 0, "models": 0, "last_measured_at": None}
    scope.upsert(HardwareRow, [row], key=("key",), changes=lambda new: {"name": new["name"]})
    scope.change(scope.update(NodeRow).where(NodeRow.name == node.name).values(hardware_key=key))


def forget_counts(scope: Scope) -> None:
    """Forget what was counted of models, and those that were not described."""
    scope.change(scope.delete(ModelRow).where(ModelRow.parameters.is_(None)))
    scope.change(scope.update(ModelRow).values(studies=0, trials=0, last_measured_at=None))


def hardware_name(profile: HardwareProfile, key: str) -> str:
    """Return what its vendor calls the device that a key stands for, the key where that is unknown."""
    if key.startswith("cpu-"):
        return profile.cpu.model_name or key
    return next((each.name for each in profile.accelerators if each.error is None and each.name), key)


def _count(scope: Scope, counted: str, pairs: Counter[Pair], names: dict[str, str], latest: dict[str, float]) -> None:
    models, hardware = Counter[str](), Counter[str]()
    for (model, key), number in pairs.items():
        models[model] += number
        hardware[key] += number
    new_models = Counter(key for _, key in _new_pairs(scope, pairs))
    none = {"studies": 0, "trials": 0}

    def fields(key: str, number: int) -> dict[str, object]:
        return none | {counted: number, "name": names.get(key, key), "last_measured_at": latest.get(key)}

    model_rows = [{"fingerprint": each, "parameters": None} | fields(each, n) for each, n in models.items()]
    hardware_rows = [{"key": each, "models": new_models[each]} | fields(each, n) for each, n in hardware.items()]
    described = ModelRow.parameters.is_not(None)
    scope.upsert(
        ModelRow,
        model_rows,
        key=("fingerprint",),
        changes=lambda new: (
            {
                counted: getattr(ModelRow, counted) + new[counted],
                "last_measured_at": _later(ModelRow.__table__.c.last_measured_at, new["last_measured_at"]),
            }
            | ({"name": case((described, ModelRow.name), else_=new["name"])} if names else {})
        ),
    )
    scope.upsert(
        HardwareRow,
        hardware_rows,
        key=("key",),
        changes=lambda new: (
            {
                counted: getattr(HardwareRow, counted) + new[counted],
                "models": HardwareRow.models + new["models"],
                "last_measured_at": _later(HardwareRow.__table__.c.last_measured_at, new["last_measured_at"]),
            }
            | ({"name": new["name"]} if names else {})
        ),
    )


def _new_pairs(scope: Scope, pairs: Iterable[Pair]) -> set[Pair]:
    """Store which models were measured on which hardware, and return what is new of it."""
    columns = PairRow.model_fingerprint, PairRow.hardware_key
    theirs = scope.among(PairRow.model_fingerprint, {model for model, _ in pairs})
    known = scope.rows(scope.select(PairRow, *columns).where(theirs))
    fresh = set(pairs) - {(row.model_fingerprint, row.hardware_key) for row in known}
    scope.insert(PairRow, [{"model_fingerprint": model, "hardware_key": key} for model, key in fresh])
    return fresh


def _later(stored: ColumnElement[float], new: ColumnElement[float]) -> ColumnElement[float]:
    return case((stored.is_(None) | (new > stored), new), else_=stored)


def uncount(scope: Scope, studies: Sequence[Study]) -> None:
    """Take back the counts of studies and trials that are about to be deleted; others were made of the same pairs."""
    for study in studies:
        _take(scope, study.model_fingerprint, study.hardware_key, studies=1, trials=0)
    columns = TrialRow.model_fingerprint, TrialRow.hardware_key
    theirs = TrialRow.study_id.in_([study.id for study in studies])
    counted = scope.select(TrialRow, *columns, func.count()).where(theirs).group_by(*columns)
    for model, key, number in map(tuple, scope.rows(counted)):
        _take(scope, model, key, studies=0, trials=number)


def _take(scope: Scope, model: str, key: str, *, studies: int, trials: int) -> None:
    for table, mine in ((ModelRow, ModelRow.fingerprint == model), (HardwareRow, HardwareRow.key == key)):
        left = {"studies": table.studies - studies, "trials": table.trials - trials}
        scope.change(scope.update(table).where(mine).values(left))
