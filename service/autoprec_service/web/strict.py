"""JSON as RFC 8259 has it, and as a database can hold it: no NaN, no NUL, no number of any size, no endless nesting."""

import math
import re
from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import HTTPException, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.routing import APIRoute
from pydantic_core import from_json

from autoprec_service.web.purity import check_no_nul

_SMALL_BYTES = 64 * 1024
_LARGEST = (1 << 63) - 1
_SHAPE = bytes.maketrans(b"123456789E\t\r\n,:[]{}", b"000000000e         ")
_LONG, _HIGH = b" " + 19 * b"0", re.compile(rb"e0{3,} ")
"""A whole number of nineteen digits, and an exponent of three; an id in quotes is no number, whatever it holds."""


class StrictRequest(Request):
    """A request whose JSON is read strictly, and beside the others where it is long."""

    async def json(self) -> Any:
        """Return the body.

        Raises:
            HTTPException: It is not JSON (400), or holds what cannot be stored (422).
        """
        body = await self.body()
        return _parsed(body) if len(body) <= _SMALL_BYTES else await run_in_threadpool(_parsed, body)


class StrictRoute(APIRoute):
    """A route that reads JSON strictly."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return what answers a request."""
        answer = super().get_route_handler()

        async def strictly(request: Request) -> Response:
            return await answer(StrictRequest(request.scope, request.receive))

        return strictly


def _parsed(body: bytes) -> Any:
    try:
        value = from_json(body, allow_inf_nan=False)
    except ValueError as error:
        raise HTTPException(400, f"The body is not JSON: {error}.") from error
    try:
        check_no_nul(body)
        if _may_be_large(body):
            value = _bounded(value)
    except ValueError as error:
        raise HTTPException(422, str(error)) from error
    return value


def _may_be_large(body: bytes) -> bool:
    """Return whether some number may be beyond 64 bits. It takes a tenth of looking at all of them."""
    shape = b" " + body.translate(_SHAPE, b"+-") + b" "
    return _LONG in shape or _HIGH.search(shape) is not None


def _bounded(value: Any) -> Any:
    """Return the value with integers beyond 64 bits as floats, which is what most of the world reads them as.

    Raises:
        ValueError: A number is too large for a float.
    """
    root = [value]
    waiting: list[Any] = [root]
    while waiting:
        each = waiting.pop()
        for key, item in list(each.items() if isinstance(each, dict) else enumerate(each)):
            if isinstance(item, dict | list):
                waiting.append(item)
            elif isinstance(item, int | float) and not -_LARGEST <= item <= _LARGEST:
                each[key] = _as_float(item)
    return root[0]


def _as_float(number: float) -> float:
    try:
        if math.isfinite(found := float(number)):
            return found
    except OverflowError:
        pass
    raise ValueError("The body holds a number that is too large.")
