"""From files that were written on a machine to its hardware profile."""

from collections.abc import Iterable
from pathlib import Path

from autoprec_probe.captures.capture import UNKNOWN, Capture
from autoprec_probe.captures.completion import complete
from autoprec_probe.captures.formats import FORMATS
from autoprec_probe.captures.merging import combined
from autoprec_probe.captures.text import text_of
from autoprec_probe.catalog import accelerator_by_name
from autoprec_probe.errors import CaptureError
from autoprec_probe.profile import Cpu, HardwareProfile, Software


def read_captures(paths: Iterable[str | Path]) -> HardwareProfile:
    """Return the profile of the machine that some files tell of; `-` is standard input, a folder a topology.

    What no file tells is unknown. Support is then judged by the hardware alone: packages that nothing is known of are
    given the benefit of the doubt.

    Raises:
        CaptureError: A file is of no known format, truncated or garbled, or two are not of one machine.
    """
    files = [Path(each) for each in paths]
    if not files:
        raise CaptureError(f"Name at least one file: {_known_formats()}.")
    return _profile(combined([(str(each), _capture(each)) for each in files]))


def _capture(path: Path) -> Capture:
    text = text_of(path)
    found = next((each for each in FORMATS if each.recognizes(text)), None)
    if found is None:
        raise CaptureError(f"{path} is in no known format. What can be read: {_known_formats()}.")
    try:
        return found.parse(text)
    except CaptureError as e:
        raise CaptureError(f"{path}: {e}") from e


def _capability_of(name: str) -> tuple[int, int] | None:
    facts = accelerator_by_name(name, "NVIDIA")
    return None if facts is None else facts.compute_capability


def _known_formats() -> str:
    return ", ".join(each.name for each in FORMATS)


def _profile(capture: Capture) -> HardwareProfile:
    return HardwareProfile(
        system=capture.system or UNKNOWN,
        cpu=Cpu(**{"architecture": UNKNOWN, **capture.cpu}),
        accelerators=tuple(complete(each, _capability_of) for each in capture.accelerators),
        software=Software(**{"python": UNKNOWN, **capture.software}),
    )
