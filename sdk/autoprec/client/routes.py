"""The routes of the service: what each method of a client sends, whether the client waits or not."""

from collections.abc import Sequence
from typing import TypedDict, Unpack

from autoprec.client.call import Call, at, find, get, post, put
from autoprec.client.listing import Listing
from autoprec.client.values import Health, KnownNode, Stored
from autoprec_runner.description import ModelDescription
from autoprec_runner.study import Study, StudyStatus
from autoprec_runner.trial import Mode, Trial, TrialStatus
from autoprec_service.advice.answer import Advice
from autoprec_service.advice.question import Question
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
    after: str | None
    """The id of the study after which to begin."""


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
    after: str | None
    """The id of the trial after which to begin."""


class OutcomeFilters(TypedDict, total=False):
    """What can be asked of outcomes."""

    study_id: str | None
    model_fingerprint: str | None
    hardware_key: str | None
    mode: Mode | None


class RunFilters(TypedDict, total=False):
    """What can be asked of runs."""

    model_fingerprint: str | None
    hardware_key: str | None


def health() -> Call[Health]:
    """Ask whether it answers."""
    return get("/healthz", Health)


def recommend(question: Question) -> Call[Advice]:
    """Ask for a precision."""
    return post("/recommend", question, Advice)


def save_studies(studies: Sequence[Study]) -> Call[Stored]:
    """Hand in studies."""
    return post("/studies", studies, Stored)


def studies(**filters: Unpack[StudyFilters]) -> Listing[Study]:
    """List studies."""
    return Listing(path="/studies", schema=list[Study], name_of=lambda each: each.id, query={**filters})


def study(id_: str) -> Call[Study | None]:
    """Ask for one study."""
    return find(at("studies", id_), Study)


def add_trials(trials: Sequence[Trial]) -> Call[Stored]:
    """Hand in trials."""
    return post("/trials", trials, Stored)


def trials(**filters: Unpack[TrialFilters]) -> Listing[Trial]:
    """List trials."""
    return Listing(path="/trials", schema=list[Trial], name_of=lambda each: each.id, query={**filters})


def trial(id_: str) -> Call[Trial | None]:
    """Ask for one trial."""
    return find(at("trials", id_), Trial)


def outcomes(**filters: Unpack[OutcomeFilters]) -> Listing[Outcome]:
    """List outcomes."""
    return Listing(path="/outcomes", schema=list[Outcome], name_of=lambda each: each.trial_id, query={**filters})


def put_model(description: ModelDescription) -> Call[ModelDescription]:
    """Describe a model."""
    return put(at("models", description.model_fingerprint), description, ModelDescription)


def model(fingerprint: str) -> Call[ModelDescription | None]:
    """Ask for the description of a model."""
    return find(at("models", fingerprint), ModelDescription)


def models(search: str | None) -> Listing[ModelSummary]:
    """List models."""
    query = {"search": search}
    return Listing(path="/models", schema=list[ModelSummary], name_of=lambda each: each.fingerprint, query=query)


def hardware(search: str | None) -> Listing[HardwareSummary]:
    """List hardware."""
    query = {"search": search}
    return Listing(path="/hardware", schema=list[HardwareSummary], name_of=lambda each: each.key, query=query)


def nodes() -> Listing[KnownNode]:
    """List machines."""
    return Listing(path="/nodes", schema=list[KnownNode], name_of=lambda each: each.name)


def node(name: str) -> Call[KnownNode | None]:
    """Ask for one machine."""
    return find(at("nodes", name), KnownNode)


def put_run(run: Run) -> Call[Run]:
    """Report a run."""
    return put(at("runs", run.id), run, Run)


def runs(**filters: Unpack[RunFilters]) -> Listing[Run]:
    """List runs."""
    return Listing(path="/runs", schema=list[Run], name_of=lambda each: each.id, query={**filters})
