import pytest

from autoprec_probe.profile import Cpu, HardwareProfile, Software
from autoprec_service.advice.staleness import differences, versions_of


@pytest.mark.parametrize("name", ["torch", "transformer-engine", "bitsandbytes", "nvidia-driver"])
def test_another_version_of_what_decides_differs(name: str) -> None:
    assert (f"{name} 1.0 instead of 2.0",) == differences({name: "1.0"}, {name: "2.0"})


def test_what_decides_nothing_does_not_differ() -> None:
    assert () == differences({"numpy": "1.0"}, {"numpy": "2.0"})


@pytest.mark.parametrize(("measured", "asked"), [({}, {"torch": "2.0"}), ({"torch": "2.0"}, {"torch": None})])
def test_what_one_side_does_not_know_does_not_differ(
    measured: dict[str, str | None], asked: dict[str, str | None]
) -> None:
    assert () == differences(measured, asked)


def test_drivers_are_among_the_versions_of_a_machine() -> None:
    software = Software(python="3.11", packages={"torch": "2.9", "numpy": "2.0"}, nvidia_driver="580.1")
    found = versions_of(HardwareProfile(system="Linux", cpu=Cpu(architecture="x86_64"), software=software))
    assert ("2.9", "580.1", False) == (found["torch"], found["nvidia-driver"], "numpy" in found)
