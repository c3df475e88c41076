"""Errors of the probe.

ProbeError
├── CandidateError          a candidate with a field that is missing or has an unknown value
├── UnknownPrecisionError   a precision string that nobody provides
├── ForeignPrecisionError   a precision string whose plugin, not the probe, has to judge it
├── DeviceNotFoundError     a device that the hardware profile does not hold
├── ReaderError             a source of facts that could not be read
├── CaptureError            a file that tells of no machine, or a truncated or garbled one
└── CatalogError            a catalogue of accelerators that cannot be used, or a key that it does not have
"""


class ProbeError(Exception):
    """Root of every error that the probe raises."""


class CandidateError(ProbeError, ValueError):
    """A candidate with a field that is missing or has an unknown value."""


class UnknownPrecisionError(ProbeError, ValueError):
    """A precision string that neither autoprec nor an installed plugin provides."""


class ForeignPrecisionError(ProbeError, ValueError):
    """A third party's precision: its own class answers what it supports, the probe knows nothing about it."""


class DeviceNotFoundError(ProbeError, LookupError):
    """A device that the hardware profile does not hold, or holds only as one that could not be read."""


class ReaderError(ProbeError):
    """A source of hardware facts that exists and could not be read."""


class CaptureError(ProbeError, ValueError):
    """A file of no known format, or one that is truncated or garbled."""


class CatalogError(ProbeError, ValueError):
    """A catalogue of accelerators that cannot be read, or a name that it does not have."""
