"""What both clients have in common: how a call becomes a request, and a response an answer."""

import platform
import warnings
from typing import Any, TypeVar

import httpx

from autoprec import __version__
from autoprec.client.address import Address
from autoprec.client.attempts import PASSING, Attempts, Patience
from autoprec.client.call import Call
from autoprec.client.errors import AddressError
from autoprec.client.events import QUIET_SECONDS, EventStream
from autoprec.client.reading import is_missing, refusal

Answer = TypeVar("Answer")

TIMEOUT_SECONDS = 10.0
_USER_AGENT = f"autoprec/{__version__} (Python {platform.python_version()}; httpx {httpx.__version__})"


class Core:
    """Turns calls into requests and responses into answers, and does nothing else: no request, no waiting."""

    def __init__(self, address: Address, patience: Patience) -> None:
        self.url = _parsed(address.url)
        self._token = address.token
        self._patience = patience
        if address.warning:
            warnings.warn(address.warning, stacklevel=4)

    def request(self, call: Call[Any]) -> dict[str, Any]:
        """Return the arguments with which httpx makes the request of a call."""
        headers = {"User-Agent": _USER_AGENT, "Accept": "application/json, application/problem+json"}
        if self._token is not None:
            headers["Authorization"] = f"Bearer {self._token}"
        if call.body is not None:
            headers |= {"Content-Type": "application/json", "Idempotency-Key": call.key}
        return {
            "method": call.method,
            "url": self.url + call.path,
            "params": {name: value for name, value in call.query.items() if value is not None},
            "content": call.body,
            "headers": headers,
        }

    def event_request(self, stream: EventStream) -> dict[str, Any]:
        """Return the arguments with which httpx opens the stream of changes."""
        request = self.request(Call(method="GET", path="/events", read=lambda _: None))
        request["headers"] |= stream.headers()
        return request | {"timeout": httpx.Timeout(TIMEOUT_SECONDS, read=QUIET_SECONDS)}

    def pause_before_events(self, response: httpx.Response, attempts: Attempts) -> float:
        """Return how long to wait before a stream that was not opened is asked for once more.

        Raises:
            ClientError: The service refuses, or did not answer as often as it was asked.
        """
        if self.shall_ask_again(response):
            return attempts.after_response(response)
        raise refusal(self.url, response)

    def attempts(self) -> Attempts:
        """Return the attempts of one call, none of which is made yet."""
        return Attempts(self.url, self._patience)

    def shall_ask_again(self, response: httpx.Response) -> bool:
        """Return whether the same call may well be answered later."""
        return response.status_code in PASSING

    def answer(self, call: Call[Answer], response: httpx.Response) -> Answer:
        """Return what a response answers to a call.

        Raises:
            RefusedError: The service answered with a problem.
            AnswerError: It is not the answer of a service of autoprec.
        """
        if response.is_success or (call.may_be_missing and is_missing(response)):
            return call.read(response)
        raise refusal(self.url, response)


def _parsed(url: str) -> str:
    try:
        httpx.URL(url)
    except httpx.InvalidURL as error:
        raise AddressError(f"The URL of the service cannot be read ({error}).") from error
    return url
