"""Hardware keys: equal for equal machines, different for different ones."""

import pytest

from autoprec_probe import Accelerator, Cpu, Device, DeviceNotFoundError, HardwareProfile, Software, hardware_key


def profile(*accelerators: Accelerator, cpu: Cpu | None = None) -> HardwareProfile:
    return HardwareProfile(
        system="Linux",
        cpu=cpu or Cpu(architecture="x86_64"),
        accelerators=accelerators,
        software=Software(python="3.11.0"),
    )


def gpu(name: str | None, index: int = 0, vendor: str = "NVIDIA", **facts: object) -> Accelerator:
    return Accelerator.model_validate({"kind": "cuda", "index": index, "vendor": vendor, "name": name, **facts})


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("NVIDIA H100 80GB HBM3", "nvidia-h100-80gb-hbm3"),
        ("NVIDIA H100 PCIe", "nvidia-h100-pcie"),
        ("NVIDIA H200", "nvidia-h200"),
        ("NVIDIA H20", "nvidia-h20"),
        ("NVIDIA GH200 480GB", "nvidia-gh200-480gb"),
        ("NVIDIA L4", "nvidia-l4"),
        ("NVIDIA L40S", "nvidia-l40s"),
        ("NVIDIA A10", "nvidia-a10"),
        ("NVIDIA A10G", "nvidia-a10g"),
        ("NVIDIA A100-SXM4-80GB", "nvidia-a100-sxm4-80gb"),
        ("Tesla T4", "nvidia-tesla-t4"),
        ("Tesla V100-SXM2-16GB", "nvidia-tesla-v100-sxm2-16gb"),
        ("GeForce RTX 3090", "nvidia-geforce-rtx-3090"),
        ("NVIDIA GeForce RTX 3090", "nvidia-geforce-rtx-3090"),
        (
            "NVIDIA RTX PRO 6000 Blackwell Max-Q Workstation Edition",
            "nvidia-rtx-pro-6000-blackwell-max-q-workstation-edition",
        ),
        (None, "nvidia-unknown"),
    ],
)
def test_a_gpu_is_called_by_its_whole_name(name: str | None, key: str) -> None:
    assert key == hardware_key(profile(gpu(name)), "cuda")


def test_a_gpu_without_a_name_is_called_by_its_architecture() -> None:
    assert "nvidia-hopper" == hardware_key(profile(gpu(None, architecture="hopper")), "cuda")


def test_trademark_signs_are_left_out() -> None:
    intel = Accelerator(kind="xpu", index=0, vendor="Intel", name="Intel(R) Data Center GPU Max 1550")
    assert "intel-data-center-gpu-max-1550" == hardware_key(profile(intel), "xpu")


def test_the_number_of_gpus_is_not_in_the_key() -> None:
    one, eight = profile(gpu("NVIDIA L4")), profile(*(gpu("NVIDIA L4", index) for index in range(8)))
    assert one.key == eight.key


def test_a_partitioned_gpu_is_another_device() -> None:
    assert "nvidia-h100-pcie-mig" == hardware_key(profile(gpu("NVIDIA H100 PCIe", partitioned=True)), "cuda")


def test_the_slice_that_a_workload_gets_is_in_the_key() -> None:
    slices = [{"name": "1g.10gb", "uuid": "MIG-1"}, {"name": "3g.40gb", "uuid": "MIG-2"}]
    cut = gpu("NVIDIA H100 PCIe", partitioned=True, slices=slices)
    assert "nvidia-h100-pcie-mig-1g.10gb" == hardware_key(profile(cut), "cuda")


def test_serial_numbers_and_free_memory_are_not_in_the_key() -> None:
    mine, yours = gpu("NVIDIA L4", uuid="GPU-1", memory_free_bytes=1), gpu("NVIDIA L4", uuid="GPU-2")
    assert profile(mine).key == profile(yours).key


def test_the_first_readable_gpu_names_the_machine() -> None:
    lost = gpu(None, error="GPU is lost")
    assert "nvidia-l4" == profile(lost, gpu("NVIDIA L4", 1)).key


def test_a_machine_whose_only_gpu_is_lost_is_named_by_its_cpu() -> None:
    assert profile(gpu(None, error="GPU is lost")).key.startswith("cpu-x86")


@pytest.mark.parametrize(
    ("architecture", "features", "cores", "key"),
    [
        ("x86_64", ("amx_bf16", "amx_fp16", "avx512_bf16", "avx512_fp16", "avx512f"), 128, "cpu-x86-amx_fp16-128c"),
        ("x86_64", ("amx_bf16", "avx512_bf16", "avx512_fp16", "avx512f"), 56, "cpu-x86-amx_bf16-56c"),
        ("x86_64", ("avx512_bf16", "avx512_fp16", "avx512f"), 16, "cpu-x86-avx512_fp16-16c"),
        ("x86_64", ("avx2", "avx512_bf16", "avx512f"), 2, "cpu-x86-avx512_bf16-2c"),
        ("x86_64", ("avx2", "avx512f"), 8, "cpu-x86-avx512f-8c"),
        ("x86_64", ("avx2", "avx_vnni"), 8, "cpu-x86-avx2-8c"),
        ("i686", ("sse2",), 1, "cpu-x86-base-1c"),
        ("aarch64", ("asimdhp", "bf16", "sve2"), 64, "cpu-arm-bf16-64c"),
        ("aarch64", ("asimd", "asimdhp"), 80, "cpu-arm-asimdhp-80c"),
        ("aarch64", ("asimd",), 4, "cpu-arm-base-4c"),
        ("armv7l", (), 4, "cpu-arm-base-4c"),
        ("ppc64le", (), 160, "cpu-power-base-160c"),
        ("loongarch64", (), None, "cpu-loongarch64-base"),
    ],
)
def test_a_cpu_is_called_by_its_best_feature_and_usable_cores(
    architecture: str,
    features: tuple[str, ...],
    cores: int | None,
    key: str,
) -> None:
    cpu = Cpu(architecture=architecture, features=features, usable_cores=cores)
    assert key == hardware_key(profile(cpu=cpu), "cpu")


def test_where_affinity_is_unknown_all_cores_count() -> None:
    assert "cpu-x86-base-4c" == profile(cpu=Cpu(architecture="x86_64", logical_cores=4)).key


@pytest.mark.parametrize("device", ["cuda", "xpu", "mps", "tpu"])
def test_a_device_that_is_not_there_has_no_key(device: Device) -> None:
    with pytest.raises(DeviceNotFoundError, match=f"No '{device}' device. Devices here: cpu"):
        hardware_key(profile(), device)


def test_the_error_for_a_lost_device_says_why() -> None:
    with pytest.raises(DeviceNotFoundError, match="NVIDIA device 0: GPU is lost"):
        hardware_key(profile(gpu(None, error="GPU is lost")), "cuda")


def test_a_profile_without_identity_keeps_its_key() -> None:
    mine = profile(gpu("NVIDIA L4", uuid="GPU-1"))
    shared = mine.without_identity()
    assert (None, mine.key) == (shared.accelerators[0].uuid, shared.key)


def test_a_profile_without_identity_names_no_slice_by_its_serial_number() -> None:
    slices = [{"name": "1g.10gb", "uuid": "MIG-1"}]
    mine = profile(gpu("NVIDIA H100 PCIe", uuid="GPU-1", partitioned=True, slices=slices))
    (shared,) = mine.without_identity().accelerators
    assert ("1g.10gb", None) == (shared.slices[0].name, shared.slices[0].uuid)
