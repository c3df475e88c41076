"""The client that waits for each answer."""

import time
from collections.abc import Callable, Iterable, Iterator
from types import TracebackType
from typing import Any, Self, TypeVar

import httpx

from autoprec.client import routes
from autoprec.client.address import chosen_address
from autoprec.client.attempts import Patience
from autoprec.client.call import Call
from autoprec.client.core import TIMEOUT_SECONDS, Core
from autoprec.client.events import EventLines
from autoprec.client.page import Listing
from autoprec_runner.description import ModelDescription
from autoprec_runner.study import Study
from autoprec_runner.trial import Trial
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

    Args:
        url: The service; `AUTOPREC_URL` by default.
        token: What it is shown; `AUTOPREC_TOKEN` by default.
        timeout: Seconds that connecting, sending, and each part of an answer may take.
        patience: How often and at which intervals a call is repeated.
        transport: The way to the service, for tests; httpx's own by default.
        sleep: Waits for so many seconds between two attempts.

    Raises:
        AddressError: There is no URL, or it is not one that could be asked.

    Every method raises:
        UnreachableError: The service did not answer, as often as it was asked.
        RefusedError: It answered with a problem.
        AnswerError: What answered is no service of this version.
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
