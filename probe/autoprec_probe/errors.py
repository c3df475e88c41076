"""Errors of the probe.

ProbeError
├── UnknownPrecisionError   a precision string that nobody provides
└── ReaderError             a source of facts that could not be read
"""


class ProbeError(Exception):
    """Root of every error that the probe raises."""


class UnknownPrecisionError(ProbeError, ValueError):
    """A precision string that neither autoprec nor an installed plugin provides."""


class ReaderError(ProbeError):
    """A source of hardware facts that exists and could not be read."""
