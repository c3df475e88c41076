"""The fork server: a process that has torch loaded and forks a child for every trial.

It is our own rather than `multiprocessing`'s for two reasons: that one re-imports the user's `__main__` in every child
(a script without an `if __name__ == "__main__"` guard would start itself again), and it does not look after a child's
descendants. This one is a *subreaper* (`prctl(2)`, PR_SET_CHILD_SUBREAPER): whatever a trial leaves behind, even a
daemon in a session of its own, becomes our child and is killed.

Requests arrive one at a time over a socket, as JSON; the file descriptors of a new child travel with its request. Each
has a number that its answer repeats, so that an answer which nobody waited for is not taken for that to the next one.
When the socket closes, because the study is over or its process died, every child is killed, the folder for temporary
files is removed, and the server ends.
"""

import array
import contextlib
import ctypes
import gc
import importlib
import json
import os
import shutil
import signal
import socket
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import psutil

from autoprec_runner.isolation.limits import die_with_parent

MESSAGE_BYTES = 1 << 16
PRELOAD = ("torch", "torch.utils.data", "torch._dynamo", "autoprec_runner.trials.worker")
"""What children find loaded. Making the first optimizer of a process imports `torch._dynamo`, which takes a second."""
_PR_SET_CHILD_SUBREAPER = 36
_JANITORS = ("multiprocessing.resource_tracker", "torch_shm_manager")
"""Helpers of a trial's libraries that remove its shared memory as soon as every process that used it has ended."""
_TIDYING_SECONDS = 1.0


class Server:
    """Forks children on request and kills them with all their descendants."""

    def __init__(self, requests: socket.socket) -> None:
        self._requests = requests
        self._children: set[int] = set()
        self._exit_codes: dict[int, int] = {}

    def serve(self) -> None:
        """Answer requests until the other side closes."""
        handlers = {
            "preload": self._preload,
            "start": self._start,
            "poll": self._poll,
            "kill": self._kill,
        }
        while True:
            message, descriptors = _receive(self._requests)
            if not message:
                return
            request = json.loads(message)
            try:
                answer = handlers[request["op"]](request, descriptors)
            except OSError as error:
                answer = {"error": f"{request['op']}: {error}"}
            self._requests.send(json.dumps({**answer, "number": request["number"]}).encode())

    def close(self) -> None:
        """Kill every child with its descendants."""
        for pid in tuple(self._children):
            self._kill({"pid": pid}, [])

    def _preload(self, request: dict[str, Any], _descriptors: list[int]) -> dict[str, Any]:
        import_each(request["modules"])
        gc.freeze()
        return {}

    def _start(self, request: dict[str, Any], descriptors: list[int]) -> dict[str, Any]:
        try:
            pid = os.fork()
            if pid == 0:
                self._requests.close()
                _become_child(request, *descriptors)
        finally:
            for each in descriptors:
                os.close(each)
        self._children.add(pid)
        return {"pid": pid}

    def _poll(self, request: dict[str, Any], _descriptors: list[int]) -> dict[str, Any]:
        if request["pid"] not in self._children:
            return {"ended": True}
        # Without reaping: a child's pid must stay its own until it is killed with its descendants.
        found = os.waitid(os.P_PID, request["pid"], os.WEXITED | os.WNOHANG | os.WNOWAIT)
        return {"ended": found is not None}

    def _kill(self, request: dict[str, Any], _descriptors: list[int]) -> dict[str, Any]:
        pid = request["pid"]
        if pid in self._children:
            _kill_trees([pid, *self._strays()])
            _, status = os.waitpid(pid, 0)
            self._children.discard(pid)
            self._exit_codes[pid] = os.waitstatus_to_exitcode(status)
            self._kill_strays()
        # Asked a second time, because the first answer was not waited for, it must not touch who has the pid by now.
        return {"exit_code": self._exit_codes[pid]}

    def _kill_strays(self) -> None:
        """Kill what ended trials left behind."""
        while strays := self._strays():
            _kill_trees(strays)
            for stray in strays:
                with contextlib.suppress(ChildProcessError):
                    os.waitpid(stray, 0)

    def _strays(self) -> list[int]:
        """Return our children that we never forked."""
        return [each.pid for each in psutil.Process().children() if each.pid not in self._children]


def import_each(modules: Iterable[str]) -> None:
    """Import modules; what cannot be imported here cannot be in a child either, which will say so where it wants it."""
    for name in modules:
        with contextlib.suppress(Exception):
            importlib.import_module(name)


def _kill_trees(pids: Sequence[int]) -> None:
    """Send SIGKILL to processes, their groups and their descendants, whatever sessions they are in.

    Janitors come last, and get a moment to clean up after the others.
    """
    family = [member for pid in pids for member in _family(pid)]
    janitors = [member for member in family if _is_janitor(member)]
    if janitors:
        _kill_each(member for member in family if member not in janitors)
        psutil.wait_procs(janitors, timeout=_TIDYING_SECONDS)
    for pid in pids:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(pid, signal.SIGKILL)
    _kill_each(family)


def _family(pid: int) -> list[psutil.Process]:
    try:
        return [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def _is_janitor(process: psutil.Process) -> bool:
    try:
        return any(name in argument for argument in process.cmdline() for name in _JANITORS)
    except psutil.Error:
        return False


def _kill_each(processes: Iterable[psutil.Process]) -> None:
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess, ProcessLookupError):
            process.kill()


def _become_child(request: dict[str, Any], connection: int, output: int) -> None:
    """Turn the forked process into a trial: a session of its own, redirected streams, then the trial's main loop."""
    exit_code = 1
    try:
        os.setsid()
        die_with_parent()
        os.umask(0o077)
        null = os.open(os.devnull, os.O_RDONLY)
        for source, target in ((null, 0), (output, 1), (output, 2)):
            os.dup2(source, target)
        os.close(null)
        os.close(output)
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        module, _, function = request["main"].partition(":")
        getattr(importlib.import_module(module), function)(connection, request["arguments"])
        exit_code = 0
    except BaseException:  # noqa: BLE001 (the last frame of the process: tell why on its stderr, then end)
        sys.excepthook(*sys.exc_info())
    finally:
        # Not sys.exit: threads that the workload leaked must not keep the process, nor its atexit hooks run.
        with contextlib.suppress(ValueError, OSError, AttributeError):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(exit_code)


def _receive(requests: socket.socket) -> tuple[bytes, list[int]]:
    descriptors = array.array("i")
    message, ancillary, _, _ = requests.recvmsg(MESSAGE_BYTES, socket.CMSG_SPACE(4 * descriptors.itemsize))
    for level, kind, data in ancillary:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            descriptors.frombytes(data[: len(data) - len(data) % descriptors.itemsize])
    return message, list(descriptors)


def main() -> None:
    """Run the server: the first argument is the descriptor of its socket, the second its folder for temporary files."""
    requests, folder = socket.socket(fileno=int(sys.argv[1])), sys.argv[2]
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    os.environ["TMPDIR"] = folder  # libraries make folders there when they are imported
    try:
        Path(folder).mkdir(mode=0o700, parents=True, exist_ok=True)
        _serve(requests)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _serve(requests: socket.socket) -> None:
    try:
        for name in PRELOAD:
            importlib.import_module(name)
    except ImportError as error:
        requests.send(json.dumps({"error": str(error), "module": error.name}).encode())
        return
    # A child's garbage collector need not look at, and so copy, what was loaded here.
    gc.freeze()
    requests.send(json.dumps({"ready": True}).encode())
    server = Server(requests)
    try:
        server.serve()
    finally:
        server.close()


if __name__ == "__main__":
    main()
