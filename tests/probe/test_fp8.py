"""Where FP8 runs through Transformer Engine, where its numbers are emulated, and what is said where neither."""

import pytest

from autoprec_probe import Accelerator, Candidate, Cpu, Device, HardwareProfile, Software, Support, support
from autoprec_probe.fp8 import Capability, cuda_of_build, default_recipe, fp8_refusal, recipe_refusal

INSTALLED = {"torch": "2.9.0+cu128", "transformer-engine": "2.20.2", "nvidia-cublas-cu12": "12.8.4.1"}


def machine(
    capability: Capability | None = None,
    packages: dict[str, str | None] | None = None,
    *,
    kind: Device = "cuda",
    vendor: str = "NVIDIA",
) -> HardwareProfile:
    device = Accelerator(kind=kind, index=0, vendor=vendor, name="A card", compute_capability=capability)
    return HardwareProfile(
        system="Linux",
        cpu=Cpu(architecture="x86_64", model_name="A processor"),
        accelerators=() if kind == "cpu" else (device,),
        software=Software(python="3.11.0", packages=packages or INSTALLED),
    )


def verdict(profile: HardwareProfile, precision: str = "transformer-engine", *, emulate: bool = False) -> Support:
    return support(Candidate(precision=precision, emulate=emulate), profile)


@pytest.mark.parametrize(
    ("capability", "recipe"),
    [
        ((8, 9), "DelayedScaling"),
        ((9, 0), "DelayedScaling"),
        ((10, 0), "MXFP8BlockScaling"),
        ((10, 3), "MXFP8BlockScaling"),
        ((11, 0), "MXFP8BlockScaling"),
        ((12, 0), "Float8CurrentScaling"),
        ((12, 1), "Float8CurrentScaling"),
    ],
)
def test_from_ada_on_fp8_is_native_with_the_recipe_of_the_architecture(capability: Capability, recipe: str) -> None:
    answer = verdict(machine(capability))
    assert ("native", True) == (answer.level, recipe in answer.reason)


@pytest.mark.parametrize("capability", [(8, 9), (9, 0)])
def test_delayed_scaling_is_never_taken_under_compile(capability: Capability) -> None:
    assert "Float8CurrentScaling" == default_recipe(capability, compiled=True)
    assert "MXFP8BlockScaling" == default_recipe((10, 0), compiled=True)


@pytest.mark.parametrize(
    ("capability", "precision", "remedy"),
    [
        ((6, 1), "transformer-engine", "Use 32-true"),
        ((6, 1), "transformer-engine-float16", "Use 32-true"),
        ((7, 0), "transformer-engine", "Use 16-mixed"),
        ((8, 6), "transformer-engine", "Use bf16-mixed"),
        ((8, 6), "transformer-engine-float16", "Use 16-mixed"),
    ],
)
def test_before_ada_fp8_is_refused_with_the_capability(capability: Capability, precision: str, remedy: str) -> None:
    answer = verdict(machine(capability, {"torch": "2.9.0"}), precision)
    assert "unsupported" == answer.level
    assert f"begins with compute capability 8.9 (Ada), and this device has {capability[0]}.{capability[1]}." in (
        answer.reason
    )
    assert (answer.remedy or "").startswith(f"{remedy};")


@pytest.mark.parametrize(
    ("packages", "reason"),
    [
        ({"torch": "2.3.0+cu118"}, "FP8 needs CUDA 12.1 or newer, and this is CUDA 11.8."),
        ({"nvidia-cuda-runtime-cu12": "12.0.146"}, "FP8 needs CUDA 12.1 or newer, and this is CUDA 12.0.146."),
        ({"nvidia-cublas-cu12": "12.1.0.26"}, "FP8 needs cuBLASLt 12.1.3 or newer, and this is cuBLASLt 12.1.0.26."),
    ],
)
def test_ada_has_two_more_gates_that_hopper_has_not(packages: dict[str, str | None], reason: str) -> None:
    packages = {"transformer-engine": "2.20.2", **packages}
    answer = verdict(machine((8, 9), packages))
    assert ("unsupported", True) == (answer.level, reason in answer.reason)
    assert "native" == verdict(machine((9, 0), packages)).level


def test_versions_that_are_not_known_are_given_the_benefit_of_doubt() -> None:
    assert fp8_refusal((8, 9)) is None
    assert "native" == verdict(machine((8, 9), {"torch": "2.9.0"})).level


def test_cuda_thirteen_names_its_libraries_without_a_suffix() -> None:
    packages: dict[str, str | None] = {"torch": "2.13.0+cu130", "nvidia-cublas": "13.1.0.3"}
    assert "native" == verdict(machine((8, 9), packages)).level


def test_a_missing_package_comes_with_the_pip_command() -> None:
    answer = verdict(machine((9, 0), {**INSTALLED, "transformer-engine": None}))
    assert "missing-package" == answer.level
    assert "pip install --no-build-isolation 'transformer-engine[pytorch]'" == answer.remedy


def test_hardware_that_no_package_can_mend_is_named_first() -> None:
    assert "unsupported" == verdict(machine((7, 0), {**INSTALLED, "transformer-engine": None})).level


def test_a_device_of_unknown_capability_is_refused() -> None:
    assert "Update the NVIDIA driver." == verdict(machine(None)).remedy


@pytest.mark.parametrize(
    ("kind", "vendor", "instead", "where"),
    [
        ("cpu", "", "32-true", ""),
        ("cuda", "AMD", "32-true", ""),
        ("xpu", "Intel", "bf16-mixed", " on a CPU"),
        ("mps", "Apple", "16-mixed", " on a CPU"),
        ("tpu", "Google", "bf16-mixed", " on a CPU"),
    ],
)
def test_elsewhere_transformer_engine_is_refused_with_the_way_out(
    kind: Device,
    vendor: str,
    instead: str,
    where: str,
) -> None:
    answer = verdict(machine(kind=kind, vendor=vendor, packages={"torch": "2.9.0"}))
    assert "unsupported" == answer.level
    assert "needs an NVIDIA GPU of compute capability 8.9 or newer" in answer.reason
    stable = f"to see whether the model is stable in FP8, try it with emulate=True{where}."
    assert f"Use {instead}; {stable}" == answer.remedy


@pytest.mark.parametrize(
    ("profile", "level"),
    [
        (machine(kind="cpu"), "emulated"),
        (machine((7, 0)), "emulated"),
        (machine((9, 0)), "emulated"),
        (machine(vendor="AMD"), "emulated"),
        (machine(kind="mps", vendor="Apple"), "unsupported"),
        (machine(kind="tpu", vendor="Google"), "unsupported"),
    ],
    ids=lambda each: each if isinstance(each, str) else each.key,
)
def test_emulation_needs_no_fp8_hardware_and_no_package(profile: HardwareProfile, level: str) -> None:
    software = Software(python="3.11.0", packages={"torch": "2.9.0", "transformer-engine": None})
    answer = verdict(profile.model_copy(update={"software": software}), emulate=True)
    assert level == answer.level
    assert answer.remedy


def test_only_fp8_is_emulated() -> None:
    answer = support(Candidate(precision="bf16-mixed", emulate=True), machine((7, 0)))
    assert ("unsupported", True) == (answer.level, "bf16-mixed computes in bf16" in answer.reason)


def test_an_emulated_candidate_says_so() -> None:
    assert "transformer-engine (emulated numerics)" == str(Candidate(precision="transformer-engine", emulate=True))


@pytest.mark.parametrize(
    ("recipe", "capability", "cuda", "reason"),
    [
        ("MXFP8BlockScaling", (9, 0), "12.8", "from 10.0 to below 12.0"),
        ("MXFP8BlockScaling", (12, 0), "12.8", "from 10.0 to below 12.0"),
        ("NVFP4BlockScaling", (9, 0), "12.8", "10.0 or higher"),
        ("Float8BlockScaling", (9, 0), "12.8", "CUDA 12.9 or newer"),
        ("Float8BlockScaling", (8, 9), "13.0", "9.0 or higher"),
    ],
)
def test_a_recipe_that_a_device_cannot_follow_has_its_reason(
    recipe: str,
    capability: Capability,
    cuda: str,
    reason: str,
) -> None:
    assert reason in (recipe_refusal(recipe, capability, cuda=cuda) or "")


@pytest.mark.parametrize(
    ("recipe", "capability"),
    [
        ("MXFP8BlockScaling", (10, 3)),
        ("NVFP4BlockScaling", (12, 0)),
        ("Float8BlockScaling", (9, 0)),
        ("DelayedScaling", (8, 9)),
        ("SomebodysRecipe", (8, 9)),
    ],
)
def test_other_recipes_pass(recipe: str, capability: Capability) -> None:
    assert recipe_refusal(recipe, capability, cuda="12.9") is None


@pytest.mark.parametrize(
    ("version", "cuda"),
    [("2.9.0+cu128", "12.8"), ("2.3.0+cu118", "11.8"), ("2.13.0+cpu", None), ("2.9.0", None), (None, None)],
)
def test_the_build_of_torch_tells_its_cuda(version: str | None, cuda: str | None) -> None:
    assert cuda == cuda_of_build(version)
