import math

import pytest

from autoprec_probe.candidate import Candidate
from autoprec_probe.profile import Accelerator, Cpu, HardwareProfile, MeasuredRate, Software
from autoprec_service.advice.machines import keys_of, machine_by_key, machine_of


def measured(tflops: float) -> HardwareProfile:
    rates = (
        MeasuredRate(device="cpu", operation="matmul", dtype="float32", tflops=tflops),
        MeasuredRate(device="cpu", operation="copy", dtype="float32", gbytes_per_second=10.0, touched_bytes=2**28),
    )
    return HardwareProfile(
        system="Linux", cpu=Cpu(architecture="x86_64"), software=Software(python="3.11"), measured=rates
    )


def test_a_key_of_the_catalogue_tells_profile_and_rates() -> None:
    found = machine_by_key("nvidia-h100-80gb-hbm3")
    assert ("cuda", False) == (found.device, found.is_itself)
    assert found.rates is not None
    verdict = found.verdict(Candidate(precision="bf16-mixed"))
    assert verdict is not None
    assert "native" == verdict.level


def test_of_an_unknown_key_nothing_is_guessed() -> None:
    found = machine_by_key("somebody-s-own-accelerator")
    assert (None, None, None) == (found.profile, found.rates, found.verdict(Candidate(precision="32-true")))


@pytest.mark.parametrize("tflops", [-1.0, math.nan, math.inf, 1e300])
def test_rates_that_cannot_be_true_are_not_known(tflops: float) -> None:
    assert machine_of(measured(1.0), "cpu-x86-base").rates is not None
    assert machine_of(measured(tflops), "cpu-x86-base").rates is None


def test_a_machine_has_a_key_for_each_device_that_could_be_read() -> None:
    devices = (
        Accelerator(kind="cuda", index=0, vendor="NVIDIA", name="H100"),
        Accelerator(kind="xpu", index=0, vendor="Intel", error="it fell off the bus"),
    )
    profile = measured(1.0).model_copy(update={"accelerators": devices})
    assert {"nvidia-h100": "cuda", "cpu-x86-base": "cpu"} == keys_of(profile)
