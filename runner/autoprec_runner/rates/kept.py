"""Where measured rates stay between calls, so that verdicts and predictions know them (free of torch).

One small JSON file for each hardware key, version of torch and number of threads, in the user's cache folder: rates
can be had again at any time. Whoever wants them asks `with_kept_rates`; the probe itself reads no file of ours.
"""

import os
import re
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from autoprec_probe.candidate import Device
from autoprec_probe.profile import HardwareProfile, MeasuredRate
from autoprec_runner.isolation.neighbours import NOTABLE_CORES

FORMAT = 1
"""Raised when rates are measured differently, so that older files are not taken for current ones."""


class RateRecord(BaseModel):
    """What one run of the micro-benchmark found."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: int = FORMAT
    hardware_key: str
    torch: str
    threads: str
    """`OMP_NUM_THREADS`, or `default`."""
    busy_cores: float
    """How many cores other programs kept busy when it began."""
    rates: tuple[MeasuredRate, ...]

    @property
    def is_disturbed(self) -> bool:
        """Whether other programs took part of the machine: such rates are shown, and nothing rests on them."""
        return self.busy_cores >= NOTABLE_CORES


class KeptRates:
    """The folder of records."""

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder or _default_folder()

    def save(self, record: RateRecord) -> Path:
        """Write a record in the place of an older one; a reader sees either of them, never a part.

        A disturbed record never takes the place of one that is not.

        Raises:
            OSError: The folder cannot be written.
        """
        path = self._path(record.hardware_key, record.torch, record.threads)
        older = self.load(record.hardware_key, record.torch, record.threads)
        if record.is_disturbed and older and not older.is_disturbed:
            return path
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=".rates-")
        try:
            with open(handle, "w", encoding="utf-8") as file:  # noqa: PTH123 (a descriptor, not a path)
                file.write(record.model_dump_json(indent=1))
            Path(name).replace(path)
        except BaseException:
            with suppress(OSError):
                Path(name).unlink()
            raise
        return path

    def load(self, hardware_key: str, torch: str, threads: str) -> RateRecord | None:
        """Return the record of a device; None where there is none, or none that can be read by this version."""
        try:
            text = self._path(hardware_key, torch, threads).read_text(encoding="utf-8")
            record = RateRecord.model_validate_json(text)
        except (OSError, ValidationError, UnicodeDecodeError):
            return None
        return record if record.format == FORMAT else None

    def _path(self, hardware_key: str, torch: str, threads: str) -> Path:
        return self._folder / f"{_plain(hardware_key)}--torch-{_plain(torch)}--threads-{_plain(threads)}.json"


def record_of(
    profile: HardwareProfile,
    device: Device,
    rates: tuple[MeasuredRate, ...],
    *,
    busy_cores: float,
    environment: Mapping[str, str] = os.environ,
) -> RateRecord:
    """Return what is to be kept of rates that were measured now."""
    key, torch, threads = _circumstances(profile, device, environment)
    return RateRecord(hardware_key=key, torch=torch, threads=threads, busy_cores=busy_cores, rates=rates)


def kept_record(
    profile: HardwareProfile,
    device: Device,
    kept: KeptRates | None = None,
    environment: Mapping[str, str] = os.environ,
) -> RateRecord | None:
    """Return what is kept of a device under the torch and the threads of now; None where nothing is."""
    return (kept or KeptRates()).load(*_circumstances(profile, device, environment))


def with_kept_rates(
    profile: HardwareProfile,
    kept: KeptRates | None = None,
    environment: Mapping[str, str] = os.environ,
) -> HardwareProfile:
    """Return the profile of this machine with the rates that were measured on it earlier, undisturbed, if any."""
    devices: dict[Device, None] = dict.fromkeys(
        ["cpu", *(each.kind for each in profile.accelerators if not each.error)]
    )
    records = [kept_record(profile, each, kept, environment) for each in devices]
    calm = [each for each in records if each and not each.is_disturbed]
    return profile.model_copy(update={"measured": tuple(rate for each in calm for rate in each.rates)})


def _circumstances(profile: HardwareProfile, device: Device, environment: Mapping[str, str]) -> tuple[str, str, str]:
    torch = profile.software.packages.get("torch") or "none"
    return profile.key_for(device), torch, environment.get("OMP_NUM_THREADS") or "default"


def _default_folder() -> Path:
    from platformdirs import user_cache_path  # noqa: PLC0415 (only the default needs it)

    return user_cache_path("autoprec", appauthor=False) / "rates"


def _plain(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9_.+-]+", "_", text)
