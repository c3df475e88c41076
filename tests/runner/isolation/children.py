"""What the children of these tests do, one function a behaviour; each gets its connection and arguments."""

import ctypes
import json
import os
import signal
import subprocess
import sys
import time
from multiprocessing.connection import Connection
from typing import Any

FOREVER_SECONDS = 600


_parents: list[Connection] = []  # kept open: a collected connection closes itself


def _requests(connection: int) -> Any:
    parent = Connection(connection)
    _parents.append(parent)
    while True:
        yield parent, json.loads(parent.recv_bytes())


def echo(connection: int, _: dict[str, Any]) -> None:
    for parent, request in _requests(connection):
        parent.send_bytes(json.dumps({"echo": request, "pid": os.getpid()}).encode())


def tells_what_is_loaded(connection: int, _: dict[str, Any]) -> None:
    for parent, _request in _requests(connection):
        parent.send_bytes(json.dumps({"modules": [*sys.modules]}).encode())


def exits(connection: int, _: dict[str, Any]) -> None:
    next(_requests(connection))
    os._exit(3)


def segfaults(connection: int, _: dict[str, Any]) -> None:
    next(_requests(connection))
    ctypes.string_at(0)


def hangs_and_ignores_sigterm(connection: int, _: dict[str, Any]) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    next(_requests(connection))
    time.sleep(FOREVER_SECONDS)


def prints_100_megabytes(connection: int, _: dict[str, Any]) -> None:
    for parent, _request in _requests(connection):
        for _piece in range(100):
            sys.stdout.write("x" * 1_000_000)
        sys.stdout.write("\nlast words\n")
        sys.stdout.flush()
        parent.send_bytes(b"{}")


def allocates(connection: int, _: dict[str, Any]) -> None:
    next(_requests(connection))
    held = []
    while True:
        held.append(b"x" * (8 << 20))


def leaves_a_daemon(connection: int, _: dict[str, Any]) -> None:
    for parent, _request in _requests(connection):
        code = (
            "import os, time\nif os.fork(): os._exit(0)\nos.setsid()\nprint(os.getpid(), flush=True)\ntime.sleep(600)"
        )
        with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as daemon:
            assert daemon.stdout is not None
            parent.send_bytes(json.dumps({"daemon": int(daemon.stdout.readline())}).encode())
            daemon.stdout.close()


def answers_nonsense(connection: int, _: dict[str, Any]) -> None:
    parent, _request = next(_requests(connection))
    parent.send_bytes(b"nonsense")
    time.sleep(FOREVER_SECONDS)


def closes_its_connection(connection: int, _: dict[str, Any]) -> None:
    next(_requests(connection))
    os.close(connection)
    time.sleep(FOREVER_SECONDS)
