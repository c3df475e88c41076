"""Real connections that mean no good, and others who are served all the same."""

import json
import select
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from autoprec_service.testing import make_study, make_trial
from autoprec_service.testing.process import ServiceProcess

SECONDS = 2
"""How long the service waits for a request."""
PATIENCE_SECONDS = 60
MANY = 2000
MEGABYTE = 1 << 20
JSON = {"Content-Type": "application/json"}


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServiceProcess]:
    path = tmp_path_factory.mktemp("hostile") / "store.db"
    with ServiceProcess(path, request_seconds=SECONDS, max_body_bytes=4 * MEGABYTE) as running:
        yield running


def connect(service: ServiceProcess) -> socket.socket:
    host, _, port = service.url.removeprefix("http://").partition(":")
    return socket.create_connection((host, int(port)), timeout=PATIENCE_SECONDS)


def begun(service: ServiceProcess) -> socket.socket:
    """Return a connection with a request that will not be finished."""
    connection = connect(service)
    connection.sendall(b"GET /trials HTTP/1.1\r\n")
    return connection


def everything(connection: socket.socket) -> bytes:
    """Return what comes until the other end closes, however rudely."""
    told = b""
    try:
        while part := connection.recv(65536):
            told += part
    except ConnectionError:
        pass
    return told


def is_served(service: ServiceProcess) -> bool:
    return httpx.get(f"{service.url}/trials", timeout=PATIENCE_SECONDS).is_success


def memory(service: ServiceProcess) -> int:
    return int(psutil.Process(service.pid).memory_info().rss)


HEAD = b"POST /trials HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\n"


@pytest.mark.parametrize(
    "sent", [b"GET /tri", HEAD, HEAD + b"\r\n[1", b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\nGET /h"]
)
def test_a_request_that_never_ends_is_answered_with_408(service: ServiceProcess, sent: bytes) -> None:
    with closing(connect(service)) as connection:
        connection.sendall(sent)
        assert is_served(service)
        told = everything(connection)
    assert b" 408 " in told
    assert "The request did not arrive in time" in json.loads(told.rpartition(b"\r\n\r\n")[2])["detail"]


@pytest.mark.parametrize("begin", [b"GET /healthz HTTP/1.1\r\nX: ", HEAD + b"\r\n"])
def test_a_byte_now_and_then_keeps_no_connection_open(service: ServiceProcess, begin: bytes) -> None:
    with closing(connect(service)) as connection:
        connection.sendall(begin)
        try:
            while is_served(service):
                connection.sendall(b" ")
                if select.select([connection], [], [], 0)[0]:
                    break
        except ConnectionError:
            pass
        assert b" 408 " in everything(connection)


def test_a_connection_that_says_nothing_is_closed_without_a_word(service: ServiceProcess) -> None:
    with closing(connect(service)) as connection:
        assert b"" == everything(connection)


def test_a_client_that_reads_nothing_is_cut_off(service: ServiceProcess) -> None:
    with closing(connect(service)) as connection:
        connection.settimeout(0)
        asked = b"GET /openapi.json HTTP/1.1\r\nHost: x\r\n\r\n" * 50
        waiting = select.poll()
        waiting.register(connection, select.POLLOUT)
        gone = select.POLLHUP | select.POLLERR
        while not (events := waiting.poll(PATIENCE_SECONDS * 1000)) or not events[0][1] & gone:
            try:
                connection.send(asked)
            except BlockingIOError:
                waiting.modify(connection, 0)  # nothing more can be sent: wait for the end
            except ConnectionError:
                break
        assert is_served(service)


def test_thousands_of_open_connections_leave_room_for_others(service: ServiceProcess) -> None:
    before = memory(service)
    with ExitStack() as opened:
        crowd = [opened.enter_context(closing(begun(service))) for _ in range(MANY)]
        assert is_served(service)
        assert memory(service) - before < 150 * MEGABYTE
        assert {True} == {b" 408 " in everything(each) for each in crowd}
        assert is_served(service)


def test_beyond_the_limit_the_connection_goes_that_has_waited_longest(tmp_path: Path) -> None:
    with ServiceProcess(tmp_path / "store.db", max_connections=16) as service, ExitStack() as opened:
        crowd = [opened.enter_context(closing(connect(service))) for _ in range(16)]
        assert is_served(service)
        assert b" 503 " in everything(crowd[0])
        crowd[-1].sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        assert b" 200 " in everything(crowd[-1])


def body_of(megabytes: int) -> Iterator[bytes]:
    yield b"["
    for _ in range(megabytes):
        yield b" " * MEGABYTE


@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_of_100_megabytes_is_refused_and_never_in_memory(service: ServiceProcess, *, chunked: bool) -> None:
    before = memory(service)
    headers = JSON if chunked else JSON | {"Content-Length": str(100 * MEGABYTE + 1)}
    response = httpx.post(f"{service.url}/trials", content=body_of(100), headers=headers, timeout=PATIENCE_SECONDS)
    assert (413, "application/problem+json") == (response.status_code, response.headers["content-type"])
    assert memory(service) - before < 50 * MEGABYTE
    assert is_served(service)


@pytest.mark.parametrize(
    "sent",
    [
        b"\x00" * 1000,
        b"GET / HTTP/9\r\n\r\n",
        b"\x16\x03\x01\x02\x00",
        b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\n\r\n",
    ],
)
def test_what_is_no_http_is_refused(service: ServiceProcess, sent: bytes) -> None:
    with closing(connect(service)) as connection:
        connection.sendall(sent)
        told = everything(connection)
    assert b" 400 " in told or b" 408 " in told
    assert is_served(service)


def deep(opening: str, closing_: str = "") -> str:
    return opening * 100_000 + closing_ * 100_000


def change(**fields: Any) -> str:
    return json.dumps([make_trial().model_dump(mode="json", round_trip=True) | fields])


@pytest.mark.parametrize(
    "body",
    [
        deep("["),
        deep("[", "]"),
        deep('{"a":'),
        "[NaN]",
        "[Infinity]",
        "[-Infinity]",
        "[1e999]",
        f"[{'9' * 100_000}]",
        change(wall_seconds=float("nan")),
        change(peak_memory_bytes=10**400),
        change(peak_memory_bytes=-(2**64)),
        change(wall_seconds=10.0).replace("10.0", "1e999"),
        change(id="a\0b"),
        change(reason="\ud800"),
        change(id=["list"]),
        change(candidate={"precision": ""}),
        change(candidate={"precision": "x" * 129}),
        change(candidate={}),
        change(candidate={"precision": "32-true", "strategy": "' OR 1=1 --"}),
        "[]",
        "null",
        '"text"',
        "\ufeff[]",
        "",
    ],
    ids=lambda body: body[:20].encode("unicode_escape").decode(),
)
def test_bodies_that_no_client_of_ours_sends_are_refused(service: ServiceProcess, body: str) -> None:
    content = body.encode(errors="surrogatepass")
    response = httpx.post(f"{service.url}/trials", content=content, headers=JSON, timeout=PATIENCE_SECONDS)
    assert response.status_code in {400, 422}
    assert response.json()["detail"]


@pytest.mark.parametrize("path", ["/trials/%00", "/trials?model_fingerprint=a%00b", "/nodes/%00", "/models?search=%00"])
def test_nul_characters_in_addresses_are_refused(service: ServiceProcess, path: str) -> None:
    assert 422 == httpx.get(f"{service.url}{path}").status_code


NASTY = [
    "'; DROP TABLE trials; --",
    "<script>alert(1)</script>",
    "../../etc/passwd",
    "%s%s%n",
    "{{7*7}}",
    "\u202e\u0007\x1b[2J",
    "x' OR '1'='1",
]


@pytest.fixture(scope="module")
def stored(service: ServiceProcess) -> Callable[[str], str]:
    """Stores a study with a nasty name in every text, and returns its id."""

    def store(name: str) -> str:
        study = make_study(id=f"study {name}", workload=name, model_fingerprint=name)
        content = f"[{study.model_dump_json(round_trip=True)}]"
        assert httpx.post(f"{service.url}/studies", content=content, headers=JSON).is_success
        return study.id

    return store


@pytest.mark.parametrize("name", NASTY)
def test_names_are_data_and_nothing_else(service: ServiceProcess, stored: Callable[[str], str], name: str) -> None:
    stored(name)
    response = httpx.get(f"{service.url}/studies", params={"model_fingerprint": name})
    assert [name] == [each["workload"] for each in response.json()]
    assert ("application/json", "nosniff") == (
        response.headers["content-type"],
        response.headers["x-content-type-options"],
    )
