"""Waiting for somebody else's answer, and not longer than that."""

from collections.abc import Callable
from queue import Empty, SimpleQueue
from threading import Thread
from typing import TypeVar

from autoprec.client.errors import ClientError, UnreachableError

Answer = TypeVar("Answer")


def within(seconds: float, ask: Callable[[], Answer]) -> Answer:
    """Return what `ask` returns, if it does so in time; it is left alone otherwise.

    A time-out of the connection alone would not do: looking up a name may hang, and an answer may trickle.

    Raises:
        ClientError: What `ask` raised, or an `UnreachableError` where the time was over.
    """
    answers = SimpleQueue[Answer | ClientError]()

    def answer() -> None:
        try:
            answers.put(ask())
        except ClientError as error:
            answers.put(error)

    Thread(target=answer, name="autoprec-question", daemon=True).start()
    try:
        found = answers.get(timeout=seconds)
    except Empty:
        raise UnreachableError(f"The service did not answer within {seconds:g} s.") from None
    if isinstance(found, ClientError):
        raise found
    return found
