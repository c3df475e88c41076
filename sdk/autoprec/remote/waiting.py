"""Waiting for somebody else's answer, and not longer than that."""

from collections.abc import Callable
from functools import partial
from queue import Empty, SimpleQueue
from threading import Thread
from typing import NoReturn, TypeVar

from autoprec.client.errors import UnreachableError

Answer = TypeVar("Answer")


def within(seconds: float, ask: Callable[[], Answer]) -> Answer:
    """Return what `ask` returns, if it does so in time; it is left alone otherwise.

    A time-out of the connection alone would not do: looking up a name may hang, and an answer may trickle.

    Raises:
        ClientError: What `ask` raised, or an `UnreachableError` where the time was over.
    """
    answers = SimpleQueue[Callable[[], Answer]]()

    def answer() -> None:
        try:
            found = ask()
        except Exception as error:  # noqa: BLE001 (raised again by whoever waits)
            answers.put(partial(_raise, error))
        else:
            answers.put(lambda: found)

    Thread(target=answer, name="autoprec-question", daemon=True).start()
    try:
        return answers.get(timeout=seconds)()
    except Empty:
        raise UnreachableError(f"The service did not answer within {seconds:g} s.") from None


def _raise(error: Exception) -> NoReturn:
    raise error
