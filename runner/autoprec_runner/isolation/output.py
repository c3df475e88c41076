"""What a child prints: read away as it comes, its end kept."""

import os
import threading
from typing import Self

KEPT_BYTES = 16_384
_CHUNK_BYTES = 1 << 16


class OutputTail:
    """Drains a pipe in a thread, so that a child that floods its output is never blocked and never fills a disk."""

    def __init__(self) -> None:
        self._reader, self.writer = os.pipe()
        self._tail = b""
        self._thread = threading.Thread(target=self._drain, name="autoprec-output", daemon=True)
        self._thread.start()

    @property
    def text(self) -> str:
        """The end of what was printed so far, at most 16 KiB."""
        return self._tail.decode(errors="replace")

    def close_writer(self) -> None:
        """Close our copy of the writing end, once the child has its own."""
        os.close(self.writer)

    def close(self) -> None:
        """Wait for the last output; every writer must have ended."""
        self._thread.join(timeout=5)

    def __enter__(self) -> Self:
        """Return the tail itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Wait for the last output."""
        self.close()

    def _drain(self) -> None:
        with open(self._reader, "rb", buffering=0) as pipe:  # noqa: PTH123 (a descriptor, not a path)
            while chunk := pipe.read(_CHUNK_BYTES):
                self._tail = (self._tail + chunk)[-KEPT_BYTES:]
