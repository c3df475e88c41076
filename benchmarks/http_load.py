"""Asks a service over and over from a process of its own, and says how long the answers took.

Each connection stays open and asks its next question when the last one is answered. Parent and child talk in JSON.
"""

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from itertools import cycle
from typing import Any
from urllib.parse import urlsplit

_WARM_UP_SHARE = 0.15
"""Of the time, in which answers are not counted."""


@dataclass(frozen=True, kw_only=True)
class Load:
    """What is asked, by how many, and for how long."""

    url: str
    path: str
    bodies: Sequence[Any]
    """They are asked in turn."""
    once: bool = False
    """Whether each is asked once, and all answers count; otherwise they are asked over and over for some seconds."""
    connections: int = 1
    seconds: float = 5.0
    marks: str = ""
    """A text; how many answers hold it is counted."""
    token: str | None = None


@dataclass(frozen=True, kw_only=True)
class Answers:
    """How long they took, and how many there were."""

    seconds: Sequence[float] = field(repr=False)
    marked: int
    """Answers that hold the text that was asked for."""
    wrong: int
    """Answers with another status than 200."""
    example: str
    """One of the wrong answers."""
    total: int
    """Answers, those included that came while connections were warming up."""
    duration_seconds: float

    @property
    def rate(self) -> float:
        """Answers a second."""
        return len(self.seconds) / self.duration_seconds

    def quantile(self, share: float) -> float:
        """Return the time in seconds within which this share of the answers came; NaN where there were none."""
        ordered = sorted(self.seconds)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else float("nan")


def ask(load: Load) -> Answers:
    """Put the load on a service from another process."""
    child = subprocess.run(  # noqa: S603 (ourselves)
        [sys.executable, __file__],
        input=json.dumps(asdict(load)),
        capture_output=True,
        text=True,
        check=True,
    )
    return Answers(**json.loads(child.stdout))


class _Tally:
    def __init__(self, begin: float) -> None:
        self.begin = begin
        self.seconds: list[float] = []
        self.total = 0
        self.marked = 0
        self.wrong = 0
        self.example = ""

    def add(self, asked: float, told: bytes, marks: bytes) -> None:
        now = time.perf_counter()
        self.total += 1
        if asked >= self.begin:
            self.seconds.append(now - asked)
            self.marked += marks in told
        if not told.startswith(b"HTTP/1.1 200 "):
            self.wrong += 1
            self.example = told[-2000:].decode(errors="replace")


async def _put(load: Load) -> Answers:
    begin = time.perf_counter() + (0.0 if load.once else _WARM_UP_SHARE * load.seconds)
    end = float("inf") if load.once else begin + load.seconds
    tally, questions = _Tally(begin), iter(_requests(load)) if load.once else cycle(_requests(load))
    await asyncio.gather(*(_converse(load, questions, tally, end) for _ in range(load.connections)))
    return Answers(
        seconds=tally.seconds,
        marked=tally.marked,
        wrong=tally.wrong,
        total=tally.total,
        example=tally.example,
        duration_seconds=time.perf_counter() - begin,
    )


def _requests(load: Load) -> list[bytes]:
    shown = f"Authorization: Bearer {load.token}\r\n" if load.token else ""
    head = (
        f"POST {load.path} HTTP/1.1\r\nHost: {urlsplit(load.url).netloc}\r\nContent-Type: application/json\r\n{shown}"
    )
    bodies = (json.dumps(each).encode() for each in load.bodies)
    return [f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body for body in bodies]


async def _converse(load: Load, questions: Iterator[bytes], tally: _Tally, end: float) -> None:
    address = urlsplit(load.url)
    reader, writer = await asyncio.open_connection(address.hostname, address.port)
    marks = load.marks.encode()
    for question in questions:
        asked = time.perf_counter()
        if asked >= end:
            break
        writer.write(question)
        head = await reader.readuntil(b"\r\n\r\n")
        body = await reader.readexactly(_length(head))
        tally.add(asked, head + body, marks)
    writer.close()
    await writer.wait_closed()


def _length(head: bytes) -> int:
    lines = head.lower().split(b"\r\n")
    return int(next(line for line in lines if line.startswith(b"content-length:")).partition(b":")[2])


if __name__ == "__main__":
    json.dump(asdict(asyncio.run(_put(Load(**json.load(sys.stdin))))), sys.stdout)
