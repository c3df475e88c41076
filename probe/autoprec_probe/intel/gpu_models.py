"""Which of Intel's GPUs a PCI id is, as far as PyTorch has kernels for it. Facts only.

Sources: intel/compute-runtime `shared/source/dll/devices/devices_base.inl` (ids and names); PyTorch, "Getting Started
on Intel GPU" (which are supported: Max, Flex, Arc A and B, and the graphics of Meteor Lake and later).
"""

PCI_VENDOR = 0x8086
VENDOR = "Intel"

XE_HPC, XE_HPG, XE_LPG, XE_LPG_PLUS, XE2, XE3 = "xe-hpc", "xe-hpg", "xe-lpg", "xe-lpg-plus", "xe2", "xe3"

MODELS: dict[int, tuple[str, str | None]] = {
    0x0B69: (XE_HPC, "Intel(R) Data Center GPU Max 1450"),
    0x0B6E: (XE_HPC, "Intel(R) Data Center GPU Max 1100C"),
    0x0BD0: (XE_HPC, None),
    0x0BD4: (XE_HPC, "Intel(R) Data Center GPU Max 1550VG"),
    0x0BD5: (XE_HPC, "Intel(R) Data Center GPU Max 1550"),
    0x0BD6: (XE_HPC, "Intel(R) Data Center GPU Max 1550"),
    0x0BD7: (XE_HPC, "Intel(R) Data Center GPU Max 1350"),
    0x0BD8: (XE_HPC, "Intel(R) Data Center GPU Max 1350"),
    0x0BD9: (XE_HPC, "Intel(R) Data Center GPU Max 1100"),
    0x0BDA: (XE_HPC, "Intel(R) Data Center GPU Max 1100"),
    0x0BDB: (XE_HPC, "Intel(R) Data Center GPU Max 1100"),
    0x5690: (XE_HPG, "Intel(R) Arc(TM) A770M Graphics"),
    0x5691: (XE_HPG, "Intel(R) Arc(TM) A730M Graphics"),
    0x5692: (XE_HPG, "Intel(R) Arc(TM) A550M Graphics"),
    0x5693: (XE_HPG, "Intel(R) Arc(TM) A370M Graphics"),
    0x5694: (XE_HPG, "Intel(R) Arc(TM) A350M Graphics"),
    0x5696: (XE_HPG, "Intel(R) Arc(TM) A570M Graphics"),
    0x5697: (XE_HPG, "Intel(R) Arc(TM) A530M Graphics"),
    0x56A0: (XE_HPG, "Intel(R) Arc(TM) A770 Graphics"),
    0x56A1: (XE_HPG, "Intel(R) Arc(TM) A750 Graphics"),
    0x56A2: (XE_HPG, "Intel(R) Arc(TM) A580 Graphics"),
    0x56A5: (XE_HPG, "Intel(R) Arc(TM) A380 Graphics"),
    0x56A6: (XE_HPG, "Intel(R) Arc(TM) A310 LP Graphics"),
    0x56AF: (XE_HPG, "Intel(R) Arc(TM) A760A Graphics"),
    0x56B0: (XE_HPG, "Intel(R) Arc(TM) Pro A30M Graphics"),
    0x56B1: (XE_HPG, "Intel(R) Arc(TM) Pro A40/A50 Graphics"),
    0x56B2: (XE_HPG, "Intel(R) Arc(TM) Pro A60M Graphics"),
    0x56B3: (XE_HPG, "Intel(R) Arc(TM) Pro A60 Graphics"),
    0x56C0: (XE_HPG, "Intel(R) Data Center GPU Flex 170"),
    0x56C1: (XE_HPG, "Intel(R) Data Center GPU Flex 140"),
    0x56C2: (XE_HPG, "Intel(R) Data Center GPU Flex 170V"),
    0x7D40: (XE_LPG, "Intel(R) Graphics"),
    0x7D41: (XE_LPG, "Intel(R) Graphics"),
    0x7D45: (XE_LPG, "Intel(R) Graphics"),
    0x7D51: (XE_LPG_PLUS, "Intel(R) Arc(TM) Graphics"),
    0x7D55: (XE_LPG, "Intel(R) Arc(TM) Graphics"),
    0x7D67: (XE_LPG, "Intel(R) Graphics"),
    0x7DD1: (XE_LPG_PLUS, "Intel(R) Graphics"),
    0x7DD5: (XE_LPG, "Intel(R) Graphics"),
    0x6420: (XE2, "Intel(R) Graphics"),
    0x64A0: (XE2, "Intel(R) Arc(TM) Graphics"),
    0x64B0: (XE2, "Intel(R) Graphics"),
    0xE202: (XE2, None),
    0xE20B: (XE2, "Intel(R) Arc(TM) B580 Graphics"),
    0xE20C: (XE2, "Intel(R) Arc(TM) B570 Graphics"),
    0xE20D: (XE2, None),
    0xE210: (XE2, None),
    0xE211: (XE2, None),
    0xE212: (XE2, None),
    0xE215: (XE2, None),
    0xE216: (XE2, None),
    0xE220: (XE2, None),
    0xE221: (XE2, None),
    0xE222: (XE2, None),
    0xE223: (XE2, None),
    0xB080: (XE3, None),
    0xB081: (XE3, None),
    0xB082: (XE3, None),
    0xB083: (XE3, None),
    0xB08F: (XE3, None),
    0xB090: (XE3, None),
    0xB0A0: (XE3, None),
    0xB0B0: (XE3, None),
    0xFD80: (XE3, None),
    0xFD81: (XE3, None),
}
"""Architecture and name by PCI id; None where Intel's own table gives no name."""


def architecture_of(name: str | None) -> str | None:
    """Return the architecture of the GPU that a tool calls by this name."""
    return next((architecture for architecture, known in MODELS.values() if known and known == name), None)
