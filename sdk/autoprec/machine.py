"""This machine, with what has been measured of it."""

from autoprec_probe import HardwareProfile, probe
from autoprec_runner.rates.kept import with_kept_rates


def this_machine() -> HardwareProfile:
    """Return the probe's profile with the rates that `autoprec probe --measure` has found here earlier."""
    return with_kept_rates(probe())
