"""Whether a capture has as many devices as it announces."""

from autoprec_probe.errors import CaptureError

_WAY_OUT = "capture it anew, without filters, and give the whole of it"


def require_devices(layout: str, *, found: int, announced: int | None) -> None:
    """Let a capture pass that has all of its devices.

    Args:
        layout: How a user calls what the capture is, such as ``nvidia-smi -q``.
        found: How many devices the capture holds in full.
        announced: How many it says that it has, None where it does not say.

    Raises:
        CaptureError: It has fewer, or more.
    """
    if announced is None or found == announced:
        return
    if found < announced:
        raise truncated(layout, f"after GPU {found} of {announced}")
    raise CaptureError(
        f"This output of {layout} announces {announced} GPU(s) and holds {found}: give one file for each capture.",
    )


def truncated(layout: str, where: str) -> CaptureError:
    """Return the error of a capture that ends before its end, or begins after its beginning."""
    return CaptureError(f"This output of {layout} is truncated {where}: {_WAY_OUT}.")
