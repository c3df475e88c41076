"""The PCI devices of a Linux machine, as sysfs lists them."""

from dataclasses import dataclass

from autoprec_probe.reader import Reader

DEVICES = "/sys/bus/pci/devices"


@dataclass(frozen=True, kw_only=True)
class PciDevice:
    """One function of a PCI device."""

    address: str
    """Domain, bus, device and function, such as `0000:3b:00.0`."""
    device: int
    subsystem: int | None = None
    """The id that the maker of the card gave it."""

    @property
    def folder(self) -> str:
        """Where sysfs tells more of it."""
        return f"{DEVICES}/{self.address}"


def pci_devices(reader: Reader, vendor: int) -> tuple[PciDevice, ...]:
    """Return a vendor's devices in the order of their addresses, none where there is no sysfs."""
    addresses = reader.list_directory(DEVICES) or ()
    return tuple(
        PciDevice(
            address=address,
            device=device,
            subsystem=_number(reader, f"{DEVICES}/{address}/subsystem_device"),
        )
        for address in addresses
        if _number(reader, f"{DEVICES}/{address}/vendor") == vendor
        and (device := _number(reader, f"{DEVICES}/{address}/device")) is not None
    )


def _number(reader: Reader, path: str) -> int | None:
    """Return the value of a file such as `0x1002`."""
    text = reader.read_text(path)
    try:
        return None if text is None else int(text, 16)
    except ValueError:
        return None
