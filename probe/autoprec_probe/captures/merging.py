"""Several files of one machine add up; what contradicts itself is an error that names both files."""

from collections.abc import Iterable
from typing import Any

from autoprec_probe.captures.capture import Capture
from autoprec_probe.errors import CaptureError
from autoprec_probe.features import instruction_family
from autoprec_probe.profile import Accelerator

_ROUNDING = 0.02
"""Tools round memory differently, and some leave out what a device keeps for itself."""
_MOMENTARY = frozenset({"memory_free_bytes", "power_limit_watts", "settings", "packages"})
"""What may differ between two looks at one machine: the first file counts."""

Named = tuple[str, Capture]
"""A file's name and what it tells."""


def combined(captures: Iterable[Named]) -> Capture:
    """Return what all files together tell.

    Raises:
        CaptureError: Two of them contradict each other: they are not of one machine.
    """
    facts = _Facts()
    devices: dict[tuple[str, str, int], _Facts] = {}
    for name, capture in captures:
        facts.add(name, "system", capture.system)
        for section in ("cpu", "software"):
            for field, value in getattr(capture, section).items():
                facts.add(name, f"{section}.{field}", value)
        for each in capture.accelerators:
            found = devices.setdefault(
                (each.vendor, each.kind, each.index), _Facts(f"{each.vendor} device {each.index}, ")
            )
            for field in Accelerator.model_fields:
                found.add(name, field, getattr(each, field))
    return Capture(
        system=facts.values.get("system"),
        cpu=facts.section("cpu"),
        accelerators=tuple(Accelerator.model_validate(each.values) for each in devices.values()),
        software=facts.section("software"),
    )


class _Facts:
    """Facts by name, each from the first file that tells it."""

    def __init__(self, of: str = "") -> None:
        self.values: dict[str, Any] = {}
        self._of = of
        self._sources: dict[str, str] = {}

    def add(self, source: str, name: str, value: Any) -> None:
        if value is None or value in ((), {}, ""):
            return
        if name not in self.values:
            self.values[name], self._sources[name] = value, source
        elif not _agree(name.rpartition(".")[2], self.values[name], value):
            raise CaptureError(
                f"{self._sources[name]} and {source} are not of one machine: for {self._of}{name}, one tells "
                f"{self.values[name]!r} and the other {value!r}. Name files of one machine only.",
            )

    def section(self, name: str) -> dict[str, Any]:
        begin = f"{name}."
        return {key.removeprefix(begin): value for key, value in self.values.items() if key.startswith(begin)}


def _agree(name: str, first: Any, second: Any) -> bool:
    if first == second or name in _MOMENTARY:
        return True
    if name.endswith("_bytes"):
        return bool(abs(first - second) <= _ROUNDING * max(first, second))
    if name == "architecture":
        return instruction_family(first) == instruction_family(second)
    if name in {"name", "model_name"}:
        shorter, longer = sorted((_words(first), _words(second)), key=len)
        return shorter <= longer
    return False


def _words(name: str) -> frozenset[str]:
    """Return the words of a name: one tool says `NVIDIA L4` where another says `L4`."""
    return frozenset(name.lower().split())
