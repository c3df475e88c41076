"""One call of a service: what is sent, and how its answer is read."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Generic, TypeVar
from urllib.parse import quote
from uuid import uuid4

import httpx
from pydantic import BaseModel

from autoprec.client.reading import reader, reader_if_there

Answer = TypeVar("Answer")
Record = TypeVar("Record")
Query = Mapping[str, str | int | float | bool | None]

LONGEST_BATCH = 500
"""Records that are sent at once; the service takes up to 1,000, and bodies shall stay small."""


@dataclass(frozen=True, kw_only=True)
class Call(Generic[Answer]):
    """What is sent and how the answer is read. Sending it again does no harm: every call of the service is so made."""

    method: str
    path: str
    read: Callable[[httpx.Response], Answer]
    query: Query = field(default_factory=dict)
    """What is None in it is not sent."""
    body: bytes | None = None
    may_be_missing: bool = False
    """Whether "there is no such thing" is an answer, which `read` reads too."""
    key: str = field(default_factory=lambda: uuid4().hex)
    """The same for every attempt, so that the service may tell a repetition from a second call."""


def get(path: str, schema: Any, query: Query | None = None) -> Call[Any]:
    """Return the call for what is at a path."""
    return Call(method="GET", path=path, query=query or {}, read=reader(schema))


def find(path: str, schema: Any) -> Call[Any]:
    """Return the call for what may be at a path, or not: then its answer is None."""
    return Call(method="GET", path=path, read=reader_if_there(schema), may_be_missing=True)


def post(path: str, value: BaseModel | Sequence[BaseModel], schema: Any) -> Call[Any]:
    """Return the call that hands in a record, or several at once."""
    return Call(method="POST", path=path, body=_body(value), read=reader(schema))


def put(path: str, value: BaseModel, schema: Any) -> Call[Any]:
    """Return the call that puts one record in its place."""
    return Call(method="PUT", path=path, body=_body(value), read=reader(schema))


def at(*parts: str) -> str:
    """Return the path of these parts, each of which may hold any character."""
    return "".join(f"/{quote(each, safe='')}" for each in parts)


def batches(records: Iterable[Record]) -> Iterator[Sequence[Record]]:
    """Return records in groups that may be sent at once."""
    rest = iter(records)
    while group := list(islice(rest, LONGEST_BATCH)):
        yield group


def _body(value: BaseModel | Sequence[BaseModel]) -> bytes:
    if isinstance(value, BaseModel):
        return value.model_dump_json(round_trip=True).encode()
    return b"[" + b",".join(map(_body, value)) + b"]"
