"""Measuring the rates of a device of this machine, and keeping them."""

import time

from autoprec_probe.candidate import Device
from autoprec_probe.profile import HardwareProfile
from autoprec_runner.isolation.forkserver import shared_forkserver
from autoprec_runner.isolation.neighbours import busy_cores
from autoprec_runner.rates.kept import KeptRates, RateRecord, record_of
from autoprec_runner.rates.measure import BUDGET_SECONDS, measure_rates, rates_worker

_LEAST_SECONDS = 3.0
"""What rates get even where loading torch took nearly all of the time."""


def measure_and_keep(profile: HardwareProfile, device: Device, kept: KeptRates | None = None) -> RateRecord:
    """Measure every rate of a device in a child process, keep the record for later, and return it.

    Raises:
        TrialError: Child processes cannot be had here, or torch is missing.
        OSError: The record cannot be written.
    """
    started = time.monotonic()
    server = shared_forkserver()
    busy = busy_cores() if server.is_ready_within(BUDGET_SECONDS) else 0.0
    left = max(_LEAST_SECONDS, BUDGET_SECONDS - (time.monotonic() - started))
    rates = tuple(measure_rates(device, rates_worker(server, device), budget_seconds=left))
    record = record_of(profile, device, rates, busy_cores=busy)
    (kept or KeptRates()).save(record)
    return record
