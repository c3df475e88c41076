"""From a file to its text, and from a text to the JSON in it, with errors that say what is wrong."""

import json
import sys
from pathlib import Path
from typing import Any

from autoprec_probe.errors import CaptureError

_BYTE_ORDER_MARKS = ((b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"), (b"\xef\xbb\xbf", "utf-8-sig"))
"""PowerShell writes UTF-16 where a command's output is sent to a file."""
_LEVELS = ("", "nodes/", "topology/nodes/")
_TOPOLOGY = tuple(f"{level}{file}" for level in _LEVELS for file in ("*/properties", "*/mem_banks/*/properties"))
"""The files of a folder that are read: those of a topology of AMD's driver, whichever of its levels the folder is."""
STANDARD_INPUT = "-"


def text_of(path: Path) -> str:
    """Return the text of a file, of a folder's files one after the other, or of standard input for `-`.

    Raises:
        CaptureError: There is no such file, it is empty, or it is no text.
    """
    try:
        text = _folder_text(path) if path.is_dir() else _decoded(path, _content(path))
    except OSError as e:
        raise CaptureError(f"Cannot read {path}: {e.strerror or e}.") from e
    if not text.strip():
        raise CaptureError(f"{path} is empty.")
    strange = sum(character < " " and character not in "\t\n\r\f\v" for character in text)
    if strange:
        raise CaptureError(f"{path} holds {strange} control characters: it is garbled, or no text.")
    return text


def _content(path: Path) -> bytes:
    return sys.stdin.buffer.read() if str(path) == STANDARD_INPUT else path.read_bytes()


def _decoded(path: Path, content: bytes) -> str:
    encoding = next((name for mark, name in _BYTE_ORDER_MARKS if content.startswith(mark)), "utf-8")
    try:
        return content.decode(encoding)
    except UnicodeDecodeError as e:
        raise CaptureError(f"{path} is no text in {encoding}: {e.reason} at byte {e.start}.") from e


def _folder_text(folder: Path) -> str:
    """Return the files of a tree with their paths before them, as `tail -n +1` prints several files."""
    files = sorted(each for pattern in _TOPOLOGY for each in folder.glob(pattern) if each.is_file())
    if not files:
        raise CaptureError(f"The folder {folder} is no KFD topology, the one kind of folder that can be read.")
    return "".join(f"==> {each.relative_to(folder)} <==\n{each.read_text(errors='replace')}\n" for each in files)


def json_of(text: str, what: str) -> Any:
    """Return the JSON in a text, which warnings may precede.

    Raises:
        CaptureError: It breaks off or is garbled.
    """
    starts = [position for bracket in "{[" if (position := text.find(bracket)) >= 0]
    try:
        return json.loads(text[min(starts, default=0) :])
    except json.JSONDecodeError as e:
        place = f"line {e.lineno}, column {e.colno}"
        raise CaptureError(f"The JSON of {what} is truncated or garbled: {e.msg} at {place}.") from e
