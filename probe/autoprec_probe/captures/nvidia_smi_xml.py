"""The XML of `nvidia-smi -q -x`."""

import re
from xml.etree.ElementTree import Element, ParseError, fromstring

from autoprec_probe.captures.capture import Capture, Format
from autoprec_probe.captures.completeness import truncated
from autoprec_probe.captures.printed_device import PrintedDevice, mebibytes, system_of, told, version
from autoprec_probe.errors import CaptureError
from autoprec_probe.profile import Slice

_LAYOUT = "nvidia-smi -q -x"


def recognizes(text: str) -> bool:
    """Return whether a text has the element that this output begins with."""
    return "<nvidia_smi_log" in text


def parse(text: str) -> Capture:
    """Return the devices and the driver that a text tells of: of whole XML no device was lost by accident.

    Raises:
        CaptureError: It is no whole XML, or declares entities.
    """
    log = _element(text)
    gpus = log.findall("gpu")
    return Capture(
        system=next(filter(None, (system_of(each.findtext("driver_model/current_dm")) for each in gpus)), None),
        accelerators=tuple(_printed(each).accelerator(index) for index, each in enumerate(gpus)),
        software={
            "nvidia_driver": version(log.findtext("driver_version") or log.findtext("kmd_version")),
            "cuda_driver": version(log.findtext("cuda_version") or log.findtext("cuda_umd_version")),
        },
    )


def _element(text: str) -> Element:
    """Return the root. Without declared entities nothing can be expanded, and expat fetches no external DTD."""
    if "<!ENTITY" in text:
        raise CaptureError(f"This XML declares entities, which {_LAYOUT} never does: it is not read.")
    try:
        return fromstring(text.lstrip("\ufeff \r\n\t"))  # noqa: S314 (see above)
    except (ParseError, ValueError) as error:  # the latter where a text is no Unicode
        if "</nvidia_smi_log>" in text:
            raise CaptureError(f"This output of {_LAYOUT} is garbled: {error}. Capture it anew.") from error
        announced = re.search(r"<attached_gpus>\s*(\d+)", text)
        of = f" of {announced[1]}" if announced else ""
        raise truncated(_LAYOUT, f"after GPU {text.count('</gpu>')}{of}") from error


def _printed(gpu: Element) -> PrintedDevice:
    """Read direct children: a slice has memory of its own, in an element of the same name further down."""
    return PrintedDevice(
        name=gpu.findtext("product_name"),
        uuid=gpu.findtext("uuid"),
        architecture=gpu.findtext("product_architecture"),
        memory_total=gpu.findtext("fb_memory_usage/total"),
        memory_free=gpu.findtext("fb_memory_usage/free"),
        mig_mode=gpu.findtext("mig_mode/current_mig"),
        power_limit=_power_limit(gpu),
        pcie_generation=gpu.findtext("pci/pci_gpu_link_info/pcie_gen/max_link_gen"),
        pcie_width=gpu.findtext("pci/pci_gpu_link_info/link_widths/max_link_width"),
        slices=tuple(_slice(each) for each in gpu.findall("mig_devices/mig_device")),
    )


def _power_limit(gpu: Element) -> str | None:
    """Return the limit that was asked for: older drivers call it the power limit, newer ones nest it."""
    paths = (
        f"{section}//{title}"
        for section in ("gpu_power_readings", "power_readings")
        for title in ("requested_power_limit", "power_limit", "current_power_limit")
    )
    return next(filter(None, (told(gpu.findtext(path)) for path in paths)), None)


def _slice(part: Element) -> Slice:
    total = part.findtext("fb_memory_usage/total") or part.findtext("shared_fb_memory_usage/total")
    return Slice(
        name=told(part.findtext("name")), uuid=told(part.findtext("uuid")), memory_total_bytes=mebibytes(total)
    )


FORMAT = Format(name=_LAYOUT, recognizes=recognizes, parse=parse)
