"""The process: how it starts, speaks TLS, and ends."""

import json
import socket
import ssl
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import httpx
import pytest

from autoprec_service.testing import make_study
from autoprec_service.testing.process import ServiceProcess

PATIENCE_SECONDS = 60
ANYWHERE = "0.0.0.0"  # noqa: S104 (it is refused)
STUDY = f"[{make_study().model_dump_json(round_trip=True)}]".encode()


@pytest.fixture
def service(tmp_path: Path) -> Iterator[ServiceProcess]:
    with ServiceProcess(tmp_path / "store.db") as running:
        yield running


def connect(service: ServiceProcess) -> socket.socket:
    host, _, port = service.url.partition("://")[2].partition(":")
    return socket.create_connection((host, int(port)), timeout=PATIENCE_SECONDS)


def everything(connection: socket.socket) -> bytes:
    told = b""
    while part := connection.recv(65536):
        told += part
    return told


def test_what_was_begun_is_finished_when_it_is_told_to_end(service: ServiceProcess) -> None:
    head = (
        f"POST /studies HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {len(STUDY)}\r\n\r\n"
    )
    with closing(connect(service)) as connection:
        connection.sendall(head.encode() + STUDY[:100])
        httpx.get(f"{service.url}/healthz")  # by now the other request is being read
        service.ask_to_end()
        wait_until_closed_to_others(service)
        connection.sendall(STUDY[100:])
        answer = everything(connection)
    assert b" 200 OK" in answer
    assert {"stored": 1, "known": 0} == json.loads(answer.rpartition(b"\r\n\r\n")[2])
    assert 0 == service.terminate()


def wait_until_closed_to_others(service: ServiceProcess) -> None:
    while True:
        try:
            connect(service).close()
        except ConnectionRefusedError:
            return


def test_beyond_this_machine_it_does_not_start_without_a_token(tmp_path: Path) -> None:
    command = [
        sys.executable,
        "-c",
        "import sys; from autoprec.cli import main; sys.exit(main())",
        "serve",
        "--host",
        ANYWHERE,
        "--port",
        "0",
    ]
    done = subprocess.run([*command, "--store", tmp_path / "s.db"], capture_output=True, text=True, check=False)
    assert (2, 1) == (done.returncode, len(done.stderr.splitlines()))
    assert "autoprec token create" in done.stderr


def test_with_a_certificate_it_speaks_https_alone(tmp_path: Path) -> None:
    certificate, key = tmp_path / "certificate.pem", tmp_path / "key.pem"
    made = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=localhost"]
    made += ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(certificate)]
    subprocess.run(made, check=True, capture_output=True)
    trusted = ssl.create_default_context(cafile=str(certificate))
    with ServiceProcess(tmp_path / "s.db", tls_certificate=str(certificate), tls_key=str(key)) as service:
        answer = httpx.get(f"{service.url.replace('http:', 'https:')}/healthz", verify=trusted)
        assert (200, "max-age=31536000") == (answer.status_code, answer.headers["strict-transport-security"])
        with pytest.raises(httpx.TransportError):
            httpx.get(f"{service.url}/healthz")


@pytest.mark.parametrize("trusted", [True, False])
def test_the_address_of_a_client_is_believed_only_from_a_trusted_proxy(tmp_path: Path, *, trusted: bool) -> None:
    proxies = {"trusted_proxies": "127.0.0.1"} if trusted else {}
    with ServiceProcess(tmp_path / "s.db", tokens=["one"], rate_limit_per_minute=1, **proxies) as service:
        addresses = [{"X-Forwarded-For": f"10.0.0.{number}"} for number in (1, 2)]
        statuses = [httpx.get(f"{service.url}/trials", headers=each).status_code for each in addresses]
    assert ([401, 401] if trusted else [401, 429]) == statuses
