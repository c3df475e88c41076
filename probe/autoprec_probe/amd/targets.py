"""What AMD calls its devices: compiler targets (`gfx942`), architectures, PCI ids. Facts only.

Sources: LLVM, "User Guide for AMDGPU Backend" (targets); ROCm, "Accelerator and GPU hardware specifications"
(architectures); Linux `drivers/gpu/drm/amd/amdgpu/amdgpu_drv.c` (which chip an id is); the PCI ID Repository (names).
"""

VENDOR = "AMD"
PCI_VENDOR = 0x1002

ARCHITECTURES: dict[str, str] = {
    "gfx900": "gcn5",
    "gfx902": "gcn5",
    "gfx904": "gcn5",
    "gfx906": "gcn5",
    "gfx909": "gcn5",
    "gfx90c": "gcn5",
    "gfx908": "cdna1",
    "gfx90a": "cdna2",
    "gfx940": "cdna3",
    "gfx941": "cdna3",
    "gfx942": "cdna3",
    "gfx950": "cdna4",
    "gfx1010": "rdna1",
    "gfx1011": "rdna1",
    "gfx1012": "rdna1",
    "gfx1013": "rdna1",
    "gfx1030": "rdna2",
    "gfx1031": "rdna2",
    "gfx1032": "rdna2",
    "gfx1033": "rdna2",
    "gfx1034": "rdna2",
    "gfx1035": "rdna2",
    "gfx1036": "rdna2",
    "gfx1037": "rdna2",
    "gfx1100": "rdna3",
    "gfx1101": "rdna3",
    "gfx1102": "rdna3",
    "gfx1103": "rdna3",
    "gfx1150": "rdna3",
    "gfx1151": "rdna3",
    "gfx1152": "rdna3",
    "gfx1153": "rdna3",
    "gfx1200": "rdna4",
    "gfx1201": "rdna4",
}
"""Architectures by target."""

DISPLAY_ONLY = frozenset({"gfx902", "gfx909", "gfx90c", "gfx1013", "gfx1033", "gfx1035", "gfx1036", "gfx1037"})
"""Graphics inside processors for which no build of PyTorch has kernels: HIP lists them, torch cannot use them."""

_CHIPS: tuple[tuple[str, tuple[int, ...]], ...] = (
    ("gfx900", (*range(0x6860, 0x6865), *range(0x6867, 0x6870), 0x687F)),
    ("gfx902", (0x15DD, 0x15D8)),
    ("gfx904", (*range(0x69A0, 0x69A4), 0x69AF)),
    ("gfx906", (*range(0x66A0, 0x66A5), 0x66A7, 0x66AF)),
    ("gfx908", (0x7388, 0x738C, 0x738E, 0x7390)),
    ("gfx90a", (0x7408, 0x740C, 0x740F, 0x7410)),
    ("gfx90c", (0x15E7, 0x1636, 0x1638, 0x164C)),
    ("gfx942", (0x74A0, 0x74A1, 0x74A2, 0x74A5, 0x74A8, 0x74A9, 0x74B5, 0x74B6, 0x74B9, 0x74BD)),
    ("gfx950", (0x75A0, 0x75A3, 0x75B0, 0x75B3)),
    ("gfx1010", (0x7310, 0x7312, *range(0x7318, 0x731C), 0x731E, 0x731F)),
    ("gfx1011", (0x7360, 0x7362)),
    ("gfx1012", (0x7340, 0x7341, 0x7347, 0x734F)),
    ("gfx1030", (*range(0x73A0, 0x73A4), 0x73A5, 0x73A8, 0x73A9, *range(0x73AB, 0x73B0), 0x73BF)),
    ("gfx1031", (0x73C0, 0x73C1, 0x73C3, *range(0x73DA, 0x73E0))),
    ("gfx1032", (*range(0x73E0, 0x73E4), *range(0x73E8, 0x73EE), 0x73EF, 0x73FF)),
    ("gfx1033", (0x163F,)),
    ("gfx1034", (*range(0x7420, 0x7424), 0x743F)),
    ("gfx1035", (0x164D, 0x1681)),
    ("gfx1036", (0x164E, 0x13C0)),
    ("gfx1100", (0x7448, 0x744C, 0x745E)),
    ("gfx1101", (0x747E, 0x7470)),
    ("gfx1102", (0x7480, 0x7483, 0x7489)),
    ("gfx1103", (0x15BF, 0x15C8)),
    ("gfx1150", (0x150E,)),
    ("gfx1151", (0x1586,)),
    ("gfx1200", (0x7590,)),
    ("gfx1201", (0x7550, 0x7551)),
)

TARGETS_BY_ID: dict[int, str] = {device: target for target, devices in _CHIPS for device in devices}
"""Targets by PCI id, for drivers and tools that do not name the target."""

NAMES_BY_ID: dict[int, str] = {
    0x6860: "Radeon Instinct MI25",
    0x6861: "AMD Radeon Pro WX 9100",
    0x687F: "AMD Radeon RX Vega 56/64",
    0x66A0: "Radeon Instinct MI60",
    0x66A1: "Radeon Instinct MI50 32GB",
    0x66AF: "AMD Radeon VII",
    0x738C: "AMD Instinct MI100",
    0x738E: "AMD Instinct MI100",
    0x7408: "AMD Instinct MI250X",
    0x740C: "AMD Instinct MI250X/MI250",
    0x740F: "AMD Instinct MI210",
    0x7410: "AMD Instinct MI210 VF",
    0x74A0: "AMD Instinct MI300A",
    0x74A1: "AMD Instinct MI300X",
    0x74A2: "AMD Instinct MI308X",
    0x74A5: "AMD Instinct MI325X",
    0x74A8: "AMD Instinct MI308X HF",
    0x74A9: "AMD Instinct MI300X HF",
    0x74B5: "AMD Instinct MI300X VF",
    0x74B6: "AMD Instinct MI308X VF",
    0x74B9: "AMD Instinct MI325X VF",
    0x75A0: "AMD Instinct MI350X",
    0x75A3: "AMD Instinct MI355X",
    0x73BF: "AMD Radeon RX 6800/6800 XT/6900 XT",
    0x73DF: "AMD Radeon RX 6700/6700 XT/6750 XT",
    0x744C: "AMD Radeon RX 7900 XT/7900 XTX/7900 GRE",
    0x7448: "AMD Radeon Pro W7900",
    0x745E: "AMD Radeon Pro W7800",
    0x747E: "AMD Radeon RX 7700 XT/7800 XT",
    0x7480: "AMD Radeon RX 7600",
    0x7550: "AMD Radeon RX 9070/9070 XT",
    0x7551: "AMD Radeon AI PRO R9700",
    0x7590: "AMD Radeon RX 9060 XT",
}
"""Names by PCI id, where no tool and no driver names the board; one id may stand for several boards."""


def target_of_version(version: int) -> str | None:
    """Return the target for the driver's `gfx_target_version`: 90402 is gfx942, 90010 gfx90a, 110000 gfx1100."""
    if version <= 0:
        return None
    major, minor, step = version // 10000, version // 100 % 100, version % 100
    return f"gfx{major}{minor:x}{step:x}"


def architecture_of(target: str | None) -> str | None:
    """Return the architecture of a target, None for one that is not known."""
    return None if target is None else ARCHITECTURES.get(target)
