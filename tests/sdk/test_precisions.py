"""`autoprec precisions`: what every string is worth here, on a machine without packages, on a GPU without FP8."""

import json
from typing import Any

import pytest

import autoprec.cli.precisions as command
from autoprec.cli import main
from autoprec_probe import Candidate, known_precisions, probe
from autoprec_probe.precision import BITSANDBYTES, BUILT_IN
from autoprec_probe.profile import Accelerator, HardwareProfile
from autoprec_runner.search.screen import judged

THIRD_PARTIES = sorted(set(known_precisions()).difference(BUILT_IN))
FP8 = ("transformer-engine", "transformer-engine-float16")
INSTALLS = {
    "torch": ("32-true", "single", "pip install torch"),
    "bitsandbytes": ("bnb-nf4", "single", "pip install bitsandbytes"),
    "deepspeed": ("bf16-mixed", "deepspeed", "pip install --no-build-isolation deepspeed"),
    "torchao": ("float8-torchao", "single", "pip install torchao"),
}


@pytest.fixture(scope="module")
def machine() -> HardwareProfile:
    return probe()


def listed(
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    profile: HardwareProfile,
    strategy: str = "single",
) -> dict[str, Any]:
    monkeypatch.setattr(command, "chosen_profile", lambda *_: profile)
    assert 0 == main(["precisions", "--strategy", strategy, "--json"])
    return {each["candidate"]["precision"]: each for each in json.loads(capfd.readouterr().out)}


def having(machine: HardwareProfile, package: str, version: str | None) -> HardwareProfile:
    packages = {**machine.software.packages, package: version}
    return machine.model_copy(update={"software": machine.software.model_copy(update={"packages": packages})})


def test_every_string_is_listed_third_parties_last(
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    machine: HardwareProfile,
) -> None:
    found = listed(monkeypatch, capfd, machine)
    assert [*BUILT_IN, *THIRD_PARTIES] == list(found)
    assert all(each["reason"] for each in found.values())
    assert all(each["remedy"] for each in found.values() if each["level"] in {"unsupported", "missing-package"})


@pytest.mark.parametrize("strategy", ["single", "fsdp", "deepspeed"])
def test_a_listed_verdict_is_that_of_trials(
    strategy: Any,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    machine: HardwareProfile,
) -> None:
    for verdict in listed(monkeypatch, capfd, machine, strategy).values():
        candidate = Candidate(**verdict["candidate"])
        assert judged(candidate, machine, machine.default_device).model_dump(mode="json") == verdict


@pytest.mark.parametrize("package", INSTALLS)
def test_a_missing_package_comes_with_the_pip_command(
    package: str,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    machine: HardwareProfile,
) -> None:
    precision, strategy, install = INSTALLS[package]
    if precision not in known_precisions():
        pytest.skip(f"{precision} is not installed")
    found = listed(monkeypatch, capfd, having(machine, package, None), strategy)[precision]
    assert "missing-package" == found["level"]
    assert install in found["remedy"]


@pytest.mark.parametrize("precision", FP8)
def test_transformer_engine_is_unsupported_without_a_gpu_that_computes_fp8(
    precision: str,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    machine: HardwareProfile,
) -> None:
    volta = Accelerator(kind="cuda", index=0, vendor="NVIDIA", name="Tesla V100", compute_capability=(7, 0))
    for accelerators, reason in ((), "needs an NVIDIA GPU"), ((volta,), "capability"):
        software = having(machine, "torch", "2.13.0+cu126").software.model_copy(update={"torch_build": "cu126"})
        profile = machine.model_copy(update={"accelerators": accelerators, "software": software})
        found = listed(monkeypatch, capfd, profile)[precision]
        assert "unsupported" == found["level"]
        assert reason in found["reason"]
        assert found["remedy"]


@pytest.mark.parametrize("precision", BITSANDBYTES)
def test_quantized_precisions_run_where_bitsandbytes_is(
    precision: str,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    machine: HardwareProfile,
) -> None:
    if machine.software.packages.get("bitsandbytes") is None:
        pytest.skip("needs bitsandbytes")
    found = listed(monkeypatch, capfd, machine)[precision]
    assert "missing-package" != found["level"]
    assert found["reason"]
