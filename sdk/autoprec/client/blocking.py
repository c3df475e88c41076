"""The client that waits for each answer."""

import time
from collections.abc import Callable, Iterable, Iterator
from types import TracebackType
from typing import Self, TypeVar, Unpack

import httpx

from autoprec.client import routes
from autoprec.client.address import chosen_address
from autoprec.client.attempts import Patience
from autoprec.client.call import Call, batches
from autoprec.client.core import TIMEOUT_SECONDS, Core
from autoprec.client.events import RECONNECT_SECONDS, EventStream
from autoprec.client.listing import Listing
from autoprec.client.routes import OutcomeFilters, RunFilters, StudyFilters, TrialFilters
from autoprec.client.values import KnownNode, Stored
from autoprec_runner.description import ModelDescription
from autoprec_runner.study import Study
from autoprec_runner.trial import Trial
from autoprec_service.advice.answer import Advice
from autoprec_service.advice.question import Question
from autoprec_service.change import Change
from autoprec_service.outcome import Outcome
from autoprec_service.run import Run
from autoprec_service.summaries import HardwareSummary, ModelSummary

Answer = TypeVar("Answer")
Record = TypeVar("Record")


class Client:
    """Asks a service, and waits for its answers.

    A call that brings no response, or one that asks to come back later, is repeated; sending something again does no
    harm, because the service counts each record once. A client may be used by several threads at once.

    Every method raises `UnreachableError` where the service did not answer as often as it was asked, `RefusedError`
    where it answered with a problem, and `AnswerError` where what answered is no service of this version.

    Args:
        url: The service; `AUTOPREC_URL` by default.
        token: What it is shown; `AUTOPREC_TOKEN` by default.
        timeout: Seconds that connecting, sending, and each part of an answer may take.
        patience: How often and at which intervals a call is repeated.
        transport: The way to the service; httpx's own by default.
        sleep: Waits for so many seconds between two attempts.

    Raises:
        AddressError: There is no URL, or it is not one that could be asked.
    """

    def __init__(
        self,
        url: str | None = None,
        token: str | None = None,
        *,
        timeout: float = TIMEOUT_SECONDS,
        patience: Patience | None = None,
        transport: httpx.BaseTransport | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._core = Core(chosen_address(url, token), patience or Patience())
        self._http = httpx.Client(timeout=timeout, transport=transport)
        self._sleep = sleep

    @property
    def url(self) -> str:
        """The service."""
        return self._core.url

    def __repr__(self) -> str:
        """Return the class and the service."""
        return f"{type(self).__name__}({self.url!r})"

    def health(self) -> None:
        """Make sure that the service answers."""
        self._send(routes.health())

    def recommend(self, question: Question) -> Advice:
        """Return the service's advice; it is falsy where nothing can be recommended, and says what to run."""
        return self._send(routes.recommend(question))

    def save_studies(self, studies: Iterable[Study]) -> Stored:
        """Store studies, or replace what is stored under their ids."""
        return sum((self._send(routes.save_studies(each)) for each in batches(studies)), Stored())

    def study(self, id: str) -> Study | None:  # noqa: A002 (the study's id)
        """Return the study of this id, None where there is none."""
        return self._send(routes.study(id))

    def studies(self, **filters: Unpack[StudyFilters]) -> Iterator[Study]:
        """Yield the studies that match every filter, in the order in which they were first saved."""
        return self._pages(routes.studies(**filters))

    def add_trials(self, trials: Iterable[Trial]) -> Stored:
        """Add trials, whose studies are stored."""
        return sum((self._send(routes.add_trials(each)) for each in batches(trials)), Stored())

    def trial(self, id: str) -> Trial | None:  # noqa: A002 (the trial's id)
        """Return the trial of this id, None where there is none."""
        return self._send(routes.trial(id))

    def trials(self, **filters: Unpack[TrialFilters]) -> Iterator[Trial]:
        """Yield the trials that match every filter, in the order in which they were added."""
        return self._pages(routes.trials(**filters))

    def outcomes(self, **filters: Unpack[OutcomeFilters]) -> Iterator[Outcome]:
        """Yield how each candidate of each study ended."""
        return self._pages(routes.outcomes(**filters))

    def put_model(self, description: ModelDescription) -> None:
        """Store what may be told of a model, such as what `autoprec.describe()` returns."""
        self._send(routes.put_model(description))

    def model(self, fingerprint: str) -> ModelDescription | None:
        """Return the description of a model, None where it was never described."""
        return self._send(routes.model(fingerprint))

    def models(self, search: str | None = None) -> Iterator[ModelSummary]:
        """Yield the models that were measured or described; those whose name contains `search`."""
        return self._pages(routes.models(search))

    def hardware(self, search: str | None = None) -> Iterator[HardwareSummary]:
        """Yield the hardware that was measured on or is reported; that whose name contains `search`."""
        return self._pages(routes.hardware(search))

    def node(self, name: str) -> KnownNode | None:
        """Return what is known of one machine, None where it never reported."""
        return self._send(routes.node(name))

    def nodes(self) -> Iterator[KnownNode]:
        """Yield the machines that report, by name."""
        return self._pages(routes.nodes())

    def put_run(self, run: Run) -> None:
        """Store what a training run says of itself, in place of what it said before."""
        self._send(routes.put_run(run))

    def runs(self, **filters: Unpack[RunFilters]) -> Iterator[Run]:
        """Yield the training runs that match every filter."""
        return self._pages(routes.runs(**filters))

    def events(self, after: int | None = None) -> Iterator[Change]:
        """Yield what is written to the service, as it happens and without end.

        It begins after the change with the position `after`, or with what comes from now on. A connection that breaks
        is made anew, and nothing is left out or told twice.
        """
        stream, attempts = EventStream(after), self._core.attempts()
        while True:
            try:
                with self._http.stream(**self._core.event_request(stream)) as response:
                    if response.is_success:
                        for line in response.iter_lines():
                            attempts = self._core.attempts()
                            if (change := stream.take(line)) is not None:
                                yield change
                        pause = RECONNECT_SECONDS
                    else:
                        response.read()
                        pause = self._core.pause_before_events(response, attempts)
            except httpx.RequestError as error:
                pause = attempts.after_error(error)
            self._sleep(pause)

    def close(self) -> None:
        """Let go of every connection. Closing twice is allowed."""
        self._http.close()

    def __enter__(self) -> Self:
        """Return the client, which leaving the block closes."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close the client."""
        self.close()

    def _pages(self, listing: Listing[Record]) -> Iterator[Record]:
        page = self._send(listing.page(None))
        yield from page
        while (after := listing.next(page)) is not None:
            page = self._send(listing.page(after))
            yield from page

    def _send(self, call: Call[Answer]) -> Answer:
        attempts = self._core.attempts()
        while True:
            try:
                response = self._http.request(**self._core.request(call))
            except httpx.RequestError as error:
                pause = attempts.after_error(error)
            else:
                if not self._core.shall_ask_again(response):
                    return self._core.answer(call, response)
                pause = attempts.after_response(response)
            self._sleep(pause)
