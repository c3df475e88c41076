"""What a look tells, on machines that change and fail."""

from dataclasses import replace
from typing import cast

import pytest

from autoprec_probe.agent.observer import PROFILE_SECONDS, Observer
from autoprec_probe.agent.testing import FakeClock
from autoprec_probe.errors import ReaderError
from autoprec_probe.nvml import NvmlReading
from autoprec_probe.profile import Accelerator
from autoprec_probe.reader import Reader
from autoprec_probe.telemetry import DeviceTelemetry
from autoprec_probe.testing import FakeReader

GPU = Accelerator(
    kind="cuda",
    index=0,
    vendor="NVIDIA",
    name="NVIDIA H100",
    uuid="GPU-1",
    memory_total_bytes=85_899_345_920,
    memory_free_bytes=1,
)
LOST = Accelerator(kind="cuda", index=0, vendor="NVIDIA", error="GPU is lost")


def machine(*devices: Accelerator, load: str = "0.5 0.4 0.3 1/100 1") -> FakeReader:
    return FakeReader(
        files={"/proc/loadavg": load},
        nvml_reading=NvmlReading(accelerators=devices, library_found=True),
        nvml_devices=tuple(
            DeviceTelemetry(kind="cuda", index=each.index, vendor="NVIDIA", uuid=each.uuid, error=each.error)
            for each in devices
        ),
    )


class Machine:
    """A machine that may change between two looks."""

    def __init__(self, reader: FakeReader) -> None:
        self.now = reader

    def __call__(self) -> Reader:
        return cast("Reader", self)

    def __getattr__(self, name: str) -> object:
        return getattr(self.now, name)


@pytest.fixture
def changing() -> Machine:
    return Machine(machine(GPU))


@pytest.fixture
def observer(changing: Machine, clock: FakeClock) -> Observer:
    return Observer(clock, reader=changing)


def test_the_first_look_tells_everything(observer: Observer) -> None:
    look = observer.look()
    assert look.profile is not None
    assert look.telemetry is not None
    assert ("nvidia-h100", 0.5, None) == (look.profile.key, look.telemetry.host.load_average, look.error)


def test_later_looks_tell_live_values_alone(observer: Observer, changing: Machine, clock: FakeClock) -> None:
    observer.look()
    changing.now = machine(GPU, load="7 1 1 1/1 1")
    look = observer.look()
    assert look.profile is None
    assert look.telemetry is not None
    assert 7.0 == look.telemetry.host.load_average
    clock.pass_seconds(PROFILE_SECONDS)
    assert observer.look().profile is None


def test_a_change_of_live_values_is_no_change_of_the_profile(
    observer: Observer, changing: Machine, clock: FakeClock
) -> None:
    observer.look()
    changing.now = machine(GPU.model_copy(update={"memory_free_bytes": 2}))
    clock.pass_seconds(PROFILE_SECONDS)
    assert observer.look().profile is None


def test_a_new_driver_is_noticed_within_five_minutes(observer: Observer, changing: Machine, clock: FakeClock) -> None:
    observer.look()
    changing.now = replace(machine(GPU), nvml_reading=NvmlReading(accelerators=(GPU,), driver_version="570.1"))
    assert observer.look().profile is None
    clock.pass_seconds(PROFILE_SECONDS)
    profile = observer.look().profile
    assert profile is not None
    assert "570.1" == profile.software.nvidia_driver


def test_what_was_told_is_told_again_when_it_is_asked_for(observer: Observer) -> None:
    first = observer.look().profile
    observer.forget()
    assert first == observer.look().profile


def test_what_is_asked_for_again_and_again_is_told_only_when_it_is_read(observer: Observer, clock: FakeClock) -> None:
    def told() -> bool:
        observer.forget()
        clock.pass_seconds(PROFILE_SECONDS / 4)
        return observer.look().profile is not None

    assert [True, False, False, False, True] == [told() for _ in range(5)]


def test_serial_numbers_stay_here_unless_asked_for(clock: FakeClock) -> None:
    def uuids(*, wanted: bool) -> list[str | None]:
        look = Observer(clock, reader=lambda: machine(GPU), with_uuids=wanted).look()
        assert look.profile is not None
        assert look.telemetry is not None
        told = [each.uuid for each in look.profile.accelerators]
        return told + [each.uuid for each in look.telemetry.accelerators]

    assert ([None, None], ["GPU-1", "GPU-1"]) == (uuids(wanted=False), uuids(wanted=True))


def test_a_device_that_falls_off_the_bus_and_comes_back_is_told_at_once(observer: Observer, changing: Machine) -> None:
    def errors() -> list[str | None]:
        profile = observer.look().profile
        assert profile is not None
        return [each.error for each in profile.accelerators]

    assert [None] == errors()
    changing.now = machine(LOST)
    assert ["GPU is lost"] == errors()
    changing.now = machine(GPU)
    assert [None] == errors()


class Failing(FakeReader):
    """A machine of which nothing can be read."""

    def read_text(self, path: str) -> str | None:
        raise ReaderError(f"Cannot read {path}: I/O error")


class Broken(FakeReader):
    """A machine whose driver fails in a way that nobody foresaw."""

    def nvml(self) -> NvmlReading:
        raise AttributeError("undefined symbol")


def test_a_machine_that_cannot_be_read_is_a_report_with_the_reason(clock: FakeClock) -> None:
    look = Observer(clock, reader=Failing).look()
    assert (None, None) == (look.profile, look.telemetry)
    assert look.error is not None
    assert "telemetry: ReaderError: Cannot read /proc/loadavg: I/O error; profile: ReaderError" in look.error


def test_an_error_that_nobody_foresaw_is_told_and_survived(clock: FakeClock) -> None:
    look = Observer(clock, reader=Broken).look()
    assert look.error == "profile: AttributeError: undefined symbol"
    assert look.telemetry is not None
