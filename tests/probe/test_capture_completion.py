"""What follows from the name and architecture of an NVIDIA device."""

import pytest

from autoprec_probe import Accelerator
from autoprec_probe.captures.completion import Capability, complete

NAMES: dict[str, Capability] = {
    "NVIDIA A10": (8, 6),
    "NVIDIA A100-SXM4-80GB": (8, 0),
    "NVIDIA GeForce RTX 5090": (12, 0),
    "NVIDIA X100": (14, 0),
}


def gpu(name: str | None, architecture: str | None = None, **facts: object) -> Accelerator:
    told = {"kind": "cuda", "index": 0, "vendor": "NVIDIA", "name": name, "architecture": architecture, **facts}
    return Accelerator.model_validate(told)


def completed(accelerator: Accelerator) -> tuple[Capability | None, str | None]:
    done = complete(accelerator, NAMES.get)
    return done.compute_capability, done.architecture


@pytest.mark.parametrize(
    ("name", "architecture", "expected"),
    [
        ("NVIDIA A100-SXM4-80GB", "ampere", ((8, 0), "ampere")),
        ("NVIDIA A10", None, ((8, 6), "ampere")),
        ("NVIDIA GeForce RTX 5090", "blackwell", ((12, 0), "blackwell-rtx")),
        ("NVIDIA X100", None, ((14, 0), None)),
        ("NVIDIA X100", "rubin", ((14, 0), "rubin")),
    ],
)
def test_an_exact_name_tells_the_capability_and_so_the_architecture(
    name: str,
    architecture: str | None,
    expected: tuple[Capability, str | None],
) -> None:
    assert expected == completed(gpu(name, architecture))


@pytest.mark.parametrize("name", ["NVIDIA A100", "A10", "nvidia a10", "NVIDIA A10G", None])
def test_a_name_that_is_not_exact_tells_nothing(name: str | None) -> None:
    assert (None, None) == completed(gpu(name))


@pytest.mark.parametrize(("architecture", "capability"), [("turing", (7, 5)), ("ada", (8, 9)), ("hopper", (9, 0))])
def test_an_architecture_of_one_capability_tells_it(architecture: str, capability: Capability) -> None:
    assert (capability, architecture) == completed(gpu("NVIDIA Unheard Of", architecture))


@pytest.mark.parametrize(
    "architecture", ["kepler", "pascal", "volta", "ampere", "blackwell", "blackwell-ultra", "rubin"]
)
def test_an_architecture_of_several_capabilities_or_none_tells_none(architecture: str) -> None:
    assert (None, architecture) == completed(gpu("NVIDIA Unheard Of", architecture))


def test_a_driver_is_right_against_a_name() -> None:
    assert ((9, 0), "hopper") == completed(gpu("NVIDIA A10", "hopper"))


def test_what_was_told_stays() -> None:
    assert ((8, 9), "ada") == completed(gpu("NVIDIA A10", "ada", compute_capability=(8, 9)))


@pytest.mark.parametrize("facts", [{"error": "GPU is lost"}, {"vendor": "AMD"}])
def test_other_devices_stay_as_they_are(facts: dict[str, object]) -> None:
    other = gpu("NVIDIA A10").model_copy(update=facts)
    assert other == complete(other, NAMES.get)
