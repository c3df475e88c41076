"""What a TPU machine's metadata says: `tpu-env` (lines `KEY: 'value'`), variables (`KEY=value`), or the bare type.

Sources: torch_xla `torch_xla/_internal/tpu.py` (`get_tpu_env`); Google Cloud, "TPU configurations".
"""

import re

from autoprec_probe.captures.capture import Capture, Format
from autoprec_probe.errors import CaptureError
from autoprec_probe.tpu import TYPE_VARIABLES, chips_of, parse_accelerator_type

_WHAT = "TPU metadata"
_LINE = re.compile(r"^\s*(?:export\s+)?([A-Z][A-Z0-9_]*)\s*([:=])\s*(['\"]?)(.*?)(['\"]?)\s*$", re.MULTILINE)


def recognizes(text: str) -> bool:
    """Whether it names an accelerator type, or is one."""
    named = re.search(r"^\s*(?:export\s+)?(?:TPU_)?ACCELERATOR_TYPE\s*[:=]", text, re.MULTILINE)
    return named is not None or parse_accelerator_type(text) is not None


def parse(text: str) -> Capture:
    """Return the chips of this host, of which a slice may have several."""
    bare = parse_accelerator_type(text)
    variables = {TYPE_VARIABLES[0]: text.strip()} if bare else _variables(text)
    chips = chips_of(variables)
    if not chips:
        given = next((variables[name] for name in TYPE_VARIABLES if name in variables), "")
        raise CaptureError(f"The {_WHAT} is garbled: {given!r} is no accelerator type such as 'v4-16'.")
    return Capture(system="Linux", accelerators=chips)


def _variables(text: str) -> dict[str, str]:
    found = {}
    for name, separator, opening, value, closing in _LINE.findall(text):
        if separator == ":" and opening != closing:
            raise CaptureError(f"The {_WHAT} is truncated: the value of {name} has no closing quote.")
        found[name] = value
    return found


FORMAT = Format(name=_WHAT, recognizes=recognizes, parse=parse)
