"""Measuring the rates of a device of this machine, and keeping them."""

import time

from autoprec_probe.candidate import Device
from autoprec_probe.profile import HardwareProfile
from autoprec_runner.isolation.forkserver import shared_forkserver
from autoprec_runner.isolation.neighbours import busy_cores
from autoprec_runner.rates.kept import KeptRates, RateRecord, record_of
from autoprec_runner.rates.measure import BUDGET_SECONDS, measure_rates, rates_worker

_LOADING_SECONDS = 60.0
"""Longer than loading torch takes; what is looked for before would be our own work."""
_WHOLE_SECONDS, _LEAST_SECONDS = 8.0, 3.0
"""Loading torch and measuring take so long together, unless too little is left to measure in."""


def measure_and_keep(profile: HardwareProfile, device: Device, kept: KeptRates | None = None) -> RateRecord:
    """Measure every rate of a device in a child process, keep the record for later, and return it.

    Raises:
        TrialError: Child processes cannot be had here, or torch is missing.
        OSError: The record cannot be written.
    """
    started, server = time.monotonic(), shared_forkserver()
    server.is_ready_within(_LOADING_SECONDS)
    busy = busy_cores()
    left = max(_LEAST_SECONDS, min(BUDGET_SECONDS, started + _WHOLE_SECONDS - time.monotonic()))
    rates = measure_rates(device, rates_worker(server, device), budget_seconds=left)
    record = record_of(profile, device, rates, busy_cores=busy)
    (kept or KeptRates()).save(record)
    return record
