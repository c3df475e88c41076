"""A connection to the NVIDIA driver that is kept between readings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from autoprec_probe.errors import ReaderError
from autoprec_probe.nvml.gate import Nvml
from autoprec_probe.nvml.live import live_values, unreadable

if TYPE_CHECKING:
    from autoprec_probe.telemetry import DeviceTelemetry


_RECONNECTING = (1, 2, 4, 8, 16)
"""After so many readings with an error in a row a new connection is made, and from the last number on after as many."""


class NvmlSession:
    """Reads live values again and again, for one thread at a time.

    To connect is dear (a driver may wake up its devices), so the connection is kept; it is made anew after an error,
    because only then does a driver tell of a device that came back, or of an upgrade. While errors go on, that is done
    less and less often.
    """

    def __init__(self) -> None:
        self._nvml: Nvml | None = None
        self._failures = 0

    def read(self) -> tuple[DeviceTelemetry, ...]:
        """Return one entry for each device; none where there is no driver, one with its error where it refuses."""
        try:
            self._nvml = self._nvml or Nvml.connect()
        except ReaderError as error:
            return (unreadable(0, str(error)),)
        if self._nvml is None:
            return ()
        devices = live_values(self._nvml)
        self._failures = self._failures + 1 if any(each.error is not None for each in devices) else 0
        if self._failures in _RECONNECTING or (self._failures and self._failures % _RECONNECTING[-1] == 0):
            self.close()
        return devices

    def close(self) -> None:
        """End the connection; the next reading connects anew."""
        if self._nvml is not None:
            self._nvml.close()
            self._nvml = None
