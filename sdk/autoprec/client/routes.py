"""The routes of the service: what each method of a client sends, whether the client waits or not."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, TypedDict

from autoprec.client.call import Call, at, find, get, post, put
from autoprec.client.page import Listing
from autoprec.client.values import Health, KnownNode, Receipt
from autoprec_runner.description import ModelDescription
from autoprec_runner.study import Study, StudyStatus
from autoprec_runner.trial import Mode, Trial, TrialStatus
from autoprec_service.outcome import Outcome
from autoprec_service.run import Run
from autoprec_service.summaries import HardwareSummary, ModelSummary


class StudyFilters(TypedDict, total=False):
    """What can be asked of studies."""

    model_fingerprint: str | None
    hardware_key: str | None
    workload_key: str | None
    status: StudyStatus | None
    newest_first: bool


class TrialFilters(TypedDict, total=False):
    """What can be asked of trials."""

    study_id: str | None
    model_fingerprint: str | None
    hardware_key: str | None
    workload_key: str | None
    precision: str | None
    status: TrialStatus | None
    mode: Mode | None
    newest_first: bool


class OutcomeFilters(TypedDict, total=False):
    """What can be asked of outcomes."""

    study_id: str | None
    model_fingerprint: str | None
    hardware_key: str | None
    mode: Mode | None


def health() -> Call[Health]:
    """Whether the service answers."""
    return get("/healthz", Health)


def save_studies(studies: Sequence[Study]) -> Call[Receipt]:
    """Hand in studies."""
    return post("/studies", studies, Receipt)


def add_trials(trials: Sequence[Trial]) -> Call[Receipt]:
    """Hand in trials."""
    return post("/trials", trials, Receipt)
