"""What `autoprec probe --json` prints."""

from pydantic import ValidationError

from autoprec_probe.captures.capture import Capture, Format
from autoprec_probe.captures.text import json_of
from autoprec_probe.errors import CaptureError
from autoprec_probe.profile import HardwareProfile

_WHAT = "autoprec probe --json"


def recognizes(text: str) -> bool:
    """Whether it has a hardware profile's fields."""
    return text.lstrip().startswith("{") and all(f'"{name}"' in text for name in ("system", "cpu", "software"))


def parse(text: str) -> Capture:
    """Return all that the profile tells, measured rates apart."""
    try:
        profile = HardwareProfile.model_validate(json_of(text, _WHAT))
    except ValidationError as e:
        first = e.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise CaptureError(f"The JSON of {_WHAT} is garbled at {place}: {first['msg']}.") from e
    return Capture(
        system=profile.system,
        cpu={name: getattr(profile.cpu, name) for name in type(profile.cpu).model_fields},
        accelerators=profile.accelerators,
        software={name: getattr(profile.software, name) for name in type(profile.software).model_fields},
    )


FORMAT = Format(name=_WHAT, recognizes=recognizes, parse=parse)
