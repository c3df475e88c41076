"""Which class provides a precision string: built-in and third-party plugins come through the same entry points."""

from functools import cache
from importlib.metadata import EntryPoint, entry_points

from autoprec_probe.candidate import Candidate
from autoprec_probe.precision import ENTRY_POINT_GROUP
from autoprec_runner.errors import PrecisionError
from autoprec_runner.precision.base import Precision


@cache
def plugin_class(precision: str) -> type[Precision]:
    """Return the class that is registered for a canonical precision string.

    Raises:
        PrecisionError: Nobody provides the string, several packages do, or what is registered cannot be used.
    """
    return load_plugin_class(precision, tuple(entry_points(group=ENTRY_POINT_GROUP, name=precision)))


def requested_precision(candidate: Candidate, *, device: str) -> str | Precision:
    """Return what `Engine` takes for a candidate: its string, or the plugin that emulates it.

    Raises:
        PrecisionError: There is no emulation of it.
    """
    if not candidate.emulate:
        return candidate.precision
    return plugin_class(candidate.precision).emulated(candidate.precision, device=device)


def load_plugin_class(precision: str, points: tuple[EntryPoint, ...]) -> type[Precision]:
    """Return the class that `points`, the entry points named `precision`, agree on."""
    targets = {point.value: point for point in points}
    if not targets:
        raise PrecisionError(
            f"No installed package provides precision {precision!r} (entry-point group {ENTRY_POINT_GROUP!r}). "
            "Install the package that does, or reinstall autoprec if it is a built-in one.",
        )
    if len(targets) > 1:
        raise PrecisionError(
            f"Precision {precision!r} is provided more than once: {', '.join(sorted(targets))}. Uninstall all but one.",
        )
    return _load(precision, next(iter(targets.values())))


def _load(precision: str, point: EntryPoint) -> type[Precision]:
    try:
        loaded = point.load()
    except Exception as error:  # a third party's module can fail in any way
        raise PrecisionError(
            f"The plugin for precision {precision!r}, {point.value}, cannot be imported: "
            f"{type(error).__name__}: {error}. Repair or uninstall the package that provides it.",
        ) from error
    if not (isinstance(loaded, type) and issubclass(loaded, Precision)):
        raise PrecisionError(
            f"The plugin for precision {precision!r}, {point.value}, is not a subclass of "
            f"{Precision.__module__}.{Precision.__name__}.",
        )
    return loaded
