"""The processes of one trial: the child that answers the parent, and the others that it forks to share the step.

They are forked before anything has been computed, belong to the child's process group and end with it. Every request of
the parent is carried out by all of them, in step; the first one answers. One that dies ends the trial, with its name as
the last line printed: what the others wait for would never come.
"""

import json
import os
import signal
import sys
import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, Pipe
from pathlib import Path
from typing import Any, NoReturn, Self

import torch

from autoprec_runner.isolation.limits import die_with_parent

Answer = dict[str, Any]

_LAST_WORDS_SECONDS = 2.0
"""How long one that failed may take to say why, after another has noticed."""
_GRACE_SECONDS = 5.0
"""How long the others may take to notice that one has ended."""


@dataclass(kw_only=True)
class Team:
    """This process among those of its trial; a trial of one process is a team of one, in which nothing happens."""

    rank: int = 0
    size: int = 1
    rendezvous: str | None = None
    """The file through which they find each other."""
    _others: list[Connection] = field(default_factory=list)
    _first: Connection | None = None
    _pids: list[int] = field(default_factory=list)
    _endings: dict[int, int] = field(default_factory=dict)
    """The exit codes of those that have ended, negative for a signal as in subprocess."""

    @classmethod
    def form(cls, size: int, folder: str) -> Self:
        """Fork the others; each of them returns from here, too, with a rank of its own."""
        if size == 1:
            return cls()
        rendezvous = str(Path(folder) / f"rendezvous-{uuid.uuid4().hex}")
        pipes = [Pipe() for _ in range(size - 1)]
        team = cls(rank=0, size=size, rendezvous=rendezvous, _others=[ours for ours, _ in pipes])
        for rank, (_, theirs) in enumerate(pipes, start=1):
            pid = os.fork()
            if pid == 0:
                die_with_parent()
                for ours, other in pipes:
                    ours.close()
                    if other is not theirs:
                        other.close()
                team = cls(rank=rank, size=size, rendezvous=rendezvous, _first=theirs)
                break
            team._pids.append(pid)
        else:
            for _, theirs in pipes:
                theirs.close()
        team._enter_surroundings()
        return team

    def join(self, device: str) -> None:
        """Join the others through torch.distributed, for a kind of device; call it before an engine is made."""
        if self.size == 1:
            return
        from torch import distributed  # noqa: PLC0415 (most trials do without)

        backend = "gloo" if device == "cpu" else None  # None: gloo for the CPU, and what the device has
        distributed.init_process_group(
            backend,
            init_method=f"file://{self.rendezvous}",
            rank=self.rank,
            world_size=self.size,
        )

    def agree(self, *, going_on: bool) -> bool:
        """Return what the first one says, so that all run the same number of steps."""
        if self.size == 1:
            return going_on
        from torch import distributed  # noqa: PLC0415 (most trials do without)

        said = torch.tensor(going_on)
        distributed.broadcast(said, src=0)
        return bool(said)

    def answer(self, request: Answer, operation: Callable[[Answer], Answer]) -> Answer:
        """Have everybody carry out a request; return the first one's answer, with what it needs of the others'.

        An answer that holds an `error` ends the trial: the cause is told, not what the others noticed of it.
        """
        for other in self._others:
            other.send_bytes(json.dumps(request).encode())
        mine = operation(request)
        if "error" in mine:
            return self._cause(mine)
        answers = [mine, *(self._hear(rank) for rank in range(1, self.size))]
        failed = [each for each in answers if "error" in each]
        return failed[0] if failed else _merged(answers)

    def follow(self, operation: Callable[[Answer], Answer]) -> NoReturn:
        """Carry out what the first one asks for, until it has nothing more to ask or something fails."""
        assert self._first is not None, "the first one leads"
        status = 0
        try:
            while "error" not in (answer := operation(json.loads(self._first.recv_bytes()))):
                self._first.send_bytes(json.dumps(answer).encode())
            self._first.send_bytes(json.dumps(answer).encode())
        except (EOFError, OSError):
            pass  # the trial is over
        except BaseException:  # noqa: BLE001 (the last frame of the process)
            sys.excepthook(*sys.exc_info())
            status = 1
        finally:
            os._exit(status)

    def watch(self) -> None:
        """End this process when one of the others ends, in case that nothing else tells."""
        for rank, pid in enumerate(self._pids, start=1):
            threading.Thread(target=self._await, args=(rank, pid), name=f"autoprec-rank-{rank}", daemon=True).start()

    def _await(self, rank: int, pid: int) -> None:
        _, status = os.waitpid(pid, 0)
        self._endings[rank] = os.waitstatus_to_exitcode(status)
        if self._endings[rank] == 0:
            time.sleep(_GRACE_SECONDS)  # it has said why; the first one has time to tell the parent
        self._end(rank)

    def _hear(self, rank: int) -> Answer:
        try:
            answer: Answer = json.loads(self._others[rank - 1].recv_bytes())
        except (EOFError, OSError):
            time.sleep(_LAST_WORDS_SECONDS)  # the watcher knows how it ended
            self._end(rank)
        return answer

    def _cause(self, noticed: Answer) -> Answer:
        """Return the error of another one if it failed first, and this one only lost the connection to it."""
        deadline = time.monotonic() + _LAST_WORDS_SECONDS
        for rank, other in enumerate(self._others, start=1):
            if other.poll(max(0.0, deadline - time.monotonic())):
                told = self._hear(rank)
                if "error" in told:
                    return told
        return noticed

    def _end(self, rank: int) -> NoReturn:
        code = self._endings.get(rank)
        how = "ended" if code is None or code == 0 else _how(code)
        os.write(2, f"\nThe process of rank {rank} {how}.\n".encode())
        os._exit(1)

    def _enter_surroundings(self) -> None:
        """Tell libraries and user code which process this is, as torchrun does, and share the cores."""
        os.environ.update(RANK=str(self.rank), LOCAL_RANK=str(self.rank), WORLD_SIZE=str(self.size))
        if sys.platform == "linux":
            os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo")
        torch.set_num_threads(max(1, torch.get_num_threads() // self.size))


def _how(code: int) -> str:
    if code > 0:
        return f"ended by itself with exit code {code}"
    try:
        return f"was ended by {signal.Signals(-code).name}"
    except ValueError:
        return f"was ended by signal {-code}"


def _merged(answers: list[Answer]) -> Answer:
    """Return the first answer, with losses averaged, parameters of all and the largest memory."""
    first = dict(answers[0])
    if "losses" in first:
        first["losses"] = [sum(each) / len(each) for each in zip(*(one["losses"] for one in answers), strict=True)]
        first["peak_memory_bytes"] = max(one["peak_memory_bytes"] for one in answers)
        first["nonfinite_parameters"] = sorted({name for one in answers for name in one["nonfinite_parameters"]})
    return first
