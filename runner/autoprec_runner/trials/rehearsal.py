"""Importing a workload's libraries in a child that is thrown away, to see whether the fork server may.

Every trial would import the same libraries, which takes seconds each time. Imported by the server they are there for
all trials, unless they leave something behind that no fork survives: threads, a driver that was started, processes. And
they must find what they find in a trial: environment variables that the user's code sets first may lead them.
"""

import json
import os
import sys
import time
import warnings
from collections.abc import Iterator
from contextlib import suppress
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import psutil
from pydantic import BaseModel, ConfigDict

from autoprec_runner.isolation.child import ChildError, ChildProcess
from autoprec_runner.isolation.forkserver import ForkServer
from autoprec_runner.isolation.server import import_each
from autoprec_runner.trials.libraries import Imports, Libraries
from autoprec_runner.trials.surroundings import use_temporary_folder

_HARMLESS_DEVICES = ("/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom", "/dev/tty", "/dev/pts/")


class Rehearsal(BaseModel):
    """How importing a workload's libraries went."""

    model_config = ConfigDict(frozen=True)

    seconds: float
    obstacles: tuple[str, ...]
    """Why the server must not do the same; empty if it may."""


def rehearse(
    server: ForkServer,
    libraries: Libraries,
    *,
    temporary: str,
    memory_limit_bytes: int,
    timeout_seconds: float,
) -> Rehearsal | None:
    """Import libraries as the server would, and return how that went; None if the child died of it or was too slow."""
    arguments = {"temporary": temporary}
    with ChildProcess(server, f"{__name__}:main", arguments, memory_limit_bytes=memory_limit_bytes) as child:
        try:
            answer = child.ask({"libraries": libraries.model_dump()}, timeout_seconds=timeout_seconds)
        except ChildError:
            return None
    return Rehearsal.model_validate(answer)


def main(connection: int, arguments: dict[str, Any]) -> None:
    """Answer one request. Runs in the forked child."""
    parent = Connection(connection)
    libraries = Libraries.model_validate(json.loads(parent.recv_bytes())["libraries"])
    use_temporary_folder(arguments["temporary"])
    imports, state, started = Imports(), _torch_state(), time.perf_counter()
    import_each(libraries.modules)
    seconds = time.perf_counter() - started
    obstacles = [*_differences(imports.libraries, libraries), *_left_behind()]
    if state != _torch_state():
        obstacles.append("torch's global state changed")
    parent.send_bytes(Rehearsal(seconds=seconds, obstacles=tuple(obstacles)).model_dump_json().encode())


def _left_behind() -> Iterator[str]:
    """Yield what this process has that its forks would lack, or could not use."""
    if not Path("/proc/self/task").exists():
        yield "a system that does not tell"
        return
    _fork_once()
    if threads := psutil.Process().num_threads() - 1:
        yield f"threads: {threads}"
    if children := psutil.Process().children():
        yield f"processes: {len(children)}"
    yield from (f"driver: {path}" for path in _open_files() if _is_driver(path))


def _differences(imported: Libraries, wanted: Libraries) -> Iterator[str]:
    found = {*imported.modules}
    if strangers := [name for name in wanted.modules if name in sys.modules and name not in found]:
        yield f"modules from elsewhere: {', '.join(strangers)}"
    if imported.environment != wanted.environment:
        yield "environment that differs"


def _torch_state() -> tuple[object, ...]:
    """Return what studies of other workloads, whose children come from the same server, count on."""
    import torch  # noqa: PLC0415 (the child has it loaded; the parent that asks for the rehearsal need not)

    return torch.get_default_dtype(), torch.get_num_threads(), torch.get_float32_matmul_precision()


def _fork_once() -> None:
    """Fork a process that ends at once: a library that is prepared for forks (OpenBLAS) gives up its threads then."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of Python 3.12, where there are threads
        pid = os.fork()
    if pid == 0:
        os._exit(0)
    os.waitpid(pid, 0)


def _open_files() -> Iterator[str]:
    for each in Path("/proc/self/fd").iterdir():
        with suppress(OSError):
            yield str(each.readlink())


def _is_driver(path: str) -> bool:
    return path.startswith("/dev/") and not path.startswith(_HARMLESS_DEVICES)
