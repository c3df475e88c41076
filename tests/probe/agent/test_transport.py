"""Requests over real sockets."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import pytest

from autoprec_probe.agent.transport import AwayError, HttpTransport

Handler = Callable[[socket.socket, bytes], None]


@contextmanager
def listening(handle: Handler) -> Iterator[str]:
    """Serve one connection at a time with raw bytes, and yield the address."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                with connection:
                    connection.settimeout(10)
                    try:
                        handle(connection, _request(connection))
                    except OSError:
                        continue

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}"
        server.shutdown(socket.SHUT_RDWR)
    thread.join(timeout=20)


def _request(connection: socket.socket) -> bytes:
    received = b""
    while b"\r\n\r\n" not in received:
        received += connection.recv(65536)
    head, _, body = received.partition(b"\r\n\r\n")
    length = next(
        int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length")
    )
    while len(body) < length:
        body += connection.recv(65536)
    return head + b"\r\n\r\n" + body


def transport(url: str, token: str | None = None, timeout: float = 10.0) -> HttpTransport:
    return HttpTransport(urlsplit(url), node="node-1", token=lambda: token, agent="agent/1", timeout=timeout)


def answering(reply: bytes, seen: list[bytes]) -> Handler:
    def handle(connection: socket.socket, request: bytes) -> None:
        seen.append(request)
        connection.sendall(reply)

    return handle


def test_a_batch_is_put_under_the_name_of_the_node_with_the_token() -> None:
    seen: list[bytes] = []
    with listening(answering(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", seen)) as url:
        reply = transport(f"{url}/prefix/", "secret").put(b"{}")
    assert (200, b"ok") == (reply.status, reply.body)
    lines = seen[0].split(b"\r\n")
    assert b"PUT /prefix/nodes/node-1 HTTP/1.1" == lines[0]
    assert {b"Authorization: Bearer secret", b"Content-Type: application/json", b"{}"} <= set(lines)


def test_without_a_token_none_is_shown() -> None:
    seen: list[bytes] = []
    with listening(answering(b"HTTP/1.1 204 No Content\r\n\r\n", seen)) as url:
        transport(url).put(b"{}")
    assert b"Authorization" not in seen[0]


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(status: int) -> None:
    seen: list[bytes] = []
    elsewhere: list[bytes] = []
    with listening(answering(b"HTTP/1.1 200 OK\r\n\r\n", elsewhere)) as other:
        redirect = f"HTTP/1.1 {status} Go\r\nLocation: {other}\r\nContent-Length: 0\r\n\r\n".encode()
        with listening(answering(redirect, seen)) as url:
            assert status == transport(url, "secret").put(b"{}").status
    assert (1, []) == (len(seen), elsewhere)


def test_the_wish_to_be_left_alone_comes_back() -> None:
    with listening(answering(b"HTTP/1.1 503 Busy\r\nRetry-After: 9\r\nContent-Length: 0\r\n\r\n", [])) as url:
        assert "9" == transport(url).put(b"{}").retry_after


def test_nobody_there_is_away() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with pytest.raises(AwayError, match="refused"):
        transport(f"http://127.0.0.1:{port}").put(b"{}")


@pytest.mark.parametrize("reply", [b"", b"nonsense\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort"])
def test_an_answer_that_breaks_off_or_is_no_http_is_away(reply: bytes) -> None:
    with listening(answering(reply, [])) as url, pytest.raises(AwayError):
        transport(url).put(b"{}")


@pytest.mark.parametrize("host", ["a..b", "x" * 70 + ".example"])
def test_a_host_that_cannot_be_is_away(host: str) -> None:
    with pytest.raises(AwayError):
        transport(f"http://{host}").put(b"{}")


def test_plain_http_where_tls_is_expected_is_away() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

        thread = threading.Thread(target=answer)
        thread.start()
        with pytest.raises(AwayError):
            transport(f"https://127.0.0.1:{server.getsockname()[1]}").put(b"{}")
        thread.join()


def test_an_answer_that_never_ends_is_cut_off() -> None:
    def trickle(connection: socket.socket, _: bytes) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
        pause = threading.Event()
        while not pause.wait(0.02):
            connection.sendall(b"x")

    with listening(trickle) as url, pytest.raises(AwayError):
        transport(url, timeout=0.3).put(b"{}")


def test_no_more_of_an_answer_is_read_than_a_receipt_needs() -> None:
    body = b"x" * 1_000_000
    head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    with listening(answering(head + body, [])) as url:
        assert 65536 == len(transport(url).put(b"{}").body)
