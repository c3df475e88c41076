"""One study's link to a service: it is asked first, told everything, and never waited for."""

import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

from autoprec.client.address import Address
from autoprec.client.attempts import Patience
from autoprec.client.blocking import Client
from autoprec.client.errors import ClientError
from autoprec.remote.asking import ask
from autoprec.remote.courier import Courier
from autoprec.remote.errors import OutboxError
from autoprec.remote.ledger import ReportingLedger
from autoprec.remote.outbox import Outbox, default_outbox
from autoprec.remote.waiting import within
from autoprec_probe.candidate import Candidate
from autoprec_runner.description import ModelDescription
from autoprec_runner.errors import RunnerError
from autoprec_runner.search.conduct import UNKNOWN, Outcome
from autoprec_runner.search.elsewhere import Known
from autoprec_runner.search.question import Question
from autoprec_runner.trials.session import Prepared
from autoprec_service.formatting import counted
from autoprec_service.store import Store

Answer = TypeVar("Answer")

ANSWER_SECONDS = 2.0
"""How long an answer of the service is waited for."""
_TIMEOUT_SECONDS = 5.0
"""What a request of the courier may take, for which nobody waits."""


class Link:
    """What a study needs of a service.

    Args:
        address: The service.
        store: Where everything is kept.
        outbox: What waits for the service.
        courier: Delivers that.
    """

    def __init__(self, address: Address, store: Store, outbox: Outbox, courier: Courier) -> None:
        self._address = address
        self._store = store
        self._outbox = outbox
        self._courier = courier
        self._trouble: str | None = None
        self.ledger = ReportingLedger(store, outbox, address.url, courier.wake)
        self.answered = False
        """Whether the service had the answer."""

    def ask(self, question: Question, prepared: Prepared, candidates: Sequence[Candidate]) -> Known:
        """Return what the service knows, nothing where it does not answer in a moment; keep the study that answers."""
        known = self._asked(lambda client: ask(client, question, prepared, candidates)) or Known()
        if known.study is not None:
            self._store.save_study(known.study)
            self._store.add_trials(known.trials)
            self.answered = True
        return known

    def report_known(self, outcome: Outcome) -> None:
        """Report a study that was found here and not there: it was measured before the service was named."""
        if outcome.remembered and not self.answered and self._trouble is None:
            self.ledger.report(outcome.study, *outcome.trials)

    def report_model(self, outcome: Outcome, describe: Callable[[], ModelDescription]) -> None:
        """Report what the model is like, unless the service knows; where it cannot be asked, of new studies alone."""
        if outcome.study.model_fingerprint == UNKNOWN:
            return
        described = self._asked(lambda client: client.model(outcome.study.model_fingerprint))
        if described is not None or (self._trouble is not None and outcome.remembered):
            return
        try:
            self.ledger.report(describe())
        except RunnerError as error:
            warnings.warn(f"The model could not be described to the service: {error}", stacklevel=3)

    def tell_trouble(self) -> None:
        """Warn if the service could not be asked, or something waits for it."""
        waiting = self._waiting()
        trouble = self._trouble or (self._courier.last.trouble if waiting else None)
        told = [trouble] if trouble else []
        if waiting:
            told.append(
                f"{counted(waiting, 'record')} of what was measured here will be delivered by the next suggest(), or "
                "by `autoprec trials push`.",
            )
        if told:
            warnings.warn(" ".join(told), stacklevel=4)

    def _asked(self, ask: Callable[[Client], Answer]) -> Answer | None:
        """Return an answer of the service, None where it does not come in a moment; then it is asked no more."""

        def asked() -> Answer:
            with _client(self._address, ANSWER_SECONDS) as client:
                return ask(client)

        if self._trouble is not None:
            return None
        try:
            return within(ANSWER_SECONDS, asked)
        except ClientError as error:
            self._trouble = str(error)
            self._courier.give_up()
            return None

    def _waiting(self) -> int:
        try:
            return self._outbox.waiting(self._address.url)
        except OutboxError:
            return 0  # the ledger has said so


@contextmanager
def linked(address: Address, store: Store) -> Iterator[Link]:
    """Link a study to a service, which is told what waits for it first and what is measured as it comes."""
    outbox = default_outbox()
    with Courier(_client(address, _TIMEOUT_SECONDS), outbox) as courier:
        link = Link(address, store, outbox, courier)
        yield link
    link.tell_trouble()


def _client(address: Address, timeout: float) -> Client:
    return Client(address.url, address.token, timeout=timeout, patience=Patience(retries=0))
