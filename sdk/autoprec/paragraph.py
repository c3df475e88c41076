"""A sentence of a report: a bullet with a hanging indent, without the blanks that rich pads lines with."""

from collections.abc import Iterator

from rich.console import Console, ConsoleOptions
from rich.text import Text

_BULLET, _INDENT = "  - ", "    "


class Paragraph:
    """Text that wraps beside its bullet."""

    def __init__(self, text: Text) -> None:
        self._text = text

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Text]:
        """Return the lines, for rich to print."""
        lines = self._text.wrap(console, max(options.max_width - len(_INDENT), 1))
        for index, line in enumerate(lines):
            line.rstrip()
            yield Text.assemble(_INDENT if index else _BULLET, line)
