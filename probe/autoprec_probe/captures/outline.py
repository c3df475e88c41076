"""Text that is structured by indentation, as `nvidia-smi -q` prints it."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Self

_KEY_AND_VALUE = re.compile(r"(.*?)\s*:(?:\s+(.*))?$")
"""A colon that is followed by a space or by nothing: those of PCI addresses are not."""


@dataclass(kw_only=True)
class Node:
    """One line and what is indented below it."""

    title: str
    value: str | None = None
    children: list[Self] = field(default_factory=list)

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return a root without a title, with the lines that are not indented below it."""
        root = cls(title="")
        above = [(-1, root)]
        for line in text.expandtabs().splitlines():
            words = line.strip(" \ufeff")
            if not words:
                continue
            depth = len(line) - len(line.lstrip())
            while above[-1][0] >= depth:
                above.pop()
            node = cls._of_line(words)
            above[-1][1].children.append(node)
            above.append((depth, node))
        return root

    @classmethod
    def _of_line(cls, words: str) -> Self:
        found = _KEY_AND_VALUE.match(words)
        return cls(title=found[1], value=found[2] or "") if found else cls(title=words)

    def all(self, title: str) -> list[Self]:
        """Return the lines of a title directly below."""
        return [each for each in self.children if each.title == title]

    def get(self, *path: str) -> str | None:
        """Return the value at the end of a path of titles, the first where there are several, None without any."""
        node: Node | None = self
        for title in path:
            node = next(iter(node.all(title)), None) if node is not None else None
        return None if node is None else node.value

    def anywhere(self, title: str) -> str | None:
        """Return the first value of a title at any depth below."""
        return next((each.value for each in self.walk() if each.title == title), None)

    def walk(self) -> Iterator["Node"]:
        """Yield all lines below, from top to bottom."""
        waiting: list[Node] = [*reversed(self.children)]
        while waiting:
            node = waiting.pop()
            yield node
            waiting.extend(reversed(node.children))

    def last(self) -> "Node":
        """Return the lowest line."""
        node: Node = self
        while node.children:
            node = node.children[-1]
        return node
