"""The way to the service: one request, one reply, nothing followed and nothing retried."""

import http.client
import socket
import ssl
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import SplitResult, quote

TIMEOUT_SECONDS = 10.0
"""How long a request may take as a whole, from the connection to the last byte of the reply."""
_LARGEST_REPLY_BYTES = 1 << 16


@dataclass(frozen=True, kw_only=True)
class Reply:
    """What came back. Redirects come back as they are: a token must not travel to where they point."""

    status: int
    body: bytes = b""
    retry_after: str | None = None


class AwayError(Exception):
    """The service was not reached, or did not answer in time; the message says why."""


class Transport(Protocol):
    """Sends one batch."""

    def put(self, body: bytes) -> Reply:
        """Send a batch and return the reply.

        Raises:
            AwayError: There was no reply. The batch may have arrived all the same.
        """


class HttpTransport:
    """Sends batches to `PUT /nodes/{name}`, on a connection of its own each, over TLS where the URL says so.

    Args:
        url: The service, checked by `Settings`.
        node: The name of this machine.
        token: Returns what the service shall be shown, read anew for each request; None shows nothing.
        agent: How the agent calls itself.
        timeout: Seconds that a request may take.
    """

    def __init__(
        self,
        url: SplitResult,
        *,
        node: str,
        token: Callable[[], str | None],
        agent: str,
        timeout: float = TIMEOUT_SECONDS,
    ) -> None:
        self._url = url
        self._path = f"{url.path.rstrip('/')}/nodes/{quote(node, safe='')}"
        self._token = token
        self._agent = agent
        self._timeout = timeout
        self._tls = ssl.create_default_context() if url.scheme == "https" else None

    def put(self, body: bytes) -> Reply:
        """Send a batch and return the reply."""
        headers = {"Content-Type": "application/json", "User-Agent": self._agent, "Connection": "close"}
        token = self._token()
        if token is not None:
            headers["Authorization"] = f"Bearer {token}"
        connection = self._connection()
        deadline = threading.Timer(self._timeout, _shut, [connection])
        deadline.daemon = True
        deadline.start()
        try:
            connection.request("PUT", self._path, body, headers)
            response = connection.getresponse()
            content = response.read(_LARGEST_REPLY_BYTES)
            if len(content) < _LARGEST_REPLY_BYTES and response.length:
                raise AwayError(f"The answer broke off, or took longer than {self._timeout:g} s.")
            return Reply(status=response.status, body=content, retry_after=response.getheader("Retry-After"))
        except (OSError, ValueError, http.client.HTTPException) as e:  # ValueError: a host name that cannot be encoded
            raise AwayError(str(e) or type(e).__name__) from e
        finally:
            deadline.cancel()
            connection.close()

    def _connection(self) -> http.client.HTTPConnection:
        host, port = self._url.hostname or "", self._url.port
        if self._tls is None:
            return http.client.HTTPConnection(host, port, timeout=self._timeout)
        return http.client.HTTPSConnection(host, port, timeout=self._timeout, context=self._tls)


def _shut(connection: http.client.HTTPConnection) -> None:
    """Wake a request that waits for a service which sends its reply a byte at a time."""
    sock = connection.sock
    if isinstance(sock, socket.socket):
        try:
            sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            return  # it has ended by itself
