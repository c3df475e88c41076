"""The text of Linux's /proc/cpuinfo, cut into its processors."""

from dataclasses import dataclass
from string import hexdigits
from typing import Self


@dataclass(frozen=True, kw_only=True)
class CpuInfo:
    """One mapping of keys to values for each processor; what is said once for all of them belongs to the first or last.

    The layout is the architecture's own: x86 and ARM repeat everything, old ARM kernels list flags once at the end,
    s390x has no `processor` blocks at all.
    """

    blocks: tuple[dict[str, str], ...] = ({},)

    @classmethod
    def parse(cls, text: str) -> Self:
        """Cut the text at every line `processor : <number>`."""
        blocks: list[dict[str, str]] = [{}]
        for line in text.splitlines():
            key, _, value = (part.strip() for part in line.partition(":"))
            if key == "processor" and value.isdecimal() and "processor" in blocks[-1]:
                blocks.append({})
            blocks[-1].setdefault(key, value)
        return cls(blocks=tuple(blocks))

    @property
    def processors(self) -> int | None:
        """How many processors the text lists, None if it does not say."""
        numbered = sum("processor" in block for block in self.blocks)
        counted = self.first("# processors")
        return numbered or (int(counted) if counted is not None and counted.isdecimal() else None)

    def first(self, key: str) -> str | None:
        """Return the first value of a key, None where there is none or it is empty."""
        return next((block[key] for block in self.blocks if block.get(key)), None)

    def number(self, key: str) -> int | None:
        """Return the first value of a key as a decimal number, None where it is not one."""
        value = self.first(key)
        return int(value) if value is not None and value.isdecimal() else None

    def distinct(self, *keys: str) -> tuple[tuple[str, ...], ...]:
        """Return every combination of values that the processors having all these keys show, in their order."""
        shown = (tuple(block[key] for key in keys) for block in self.blocks if all(key in block for key in keys))
        return tuple(dict.fromkeys(shown))

    def common_words(self, key: str) -> frozenset[str]:
        """Return the words that every processor having this key lists: cores of one machine may differ."""
        lists = [frozenset(words.split()) for (words,) in self.distinct(key)]
        return frozenset.intersection(*lists) if lists else frozenset()


def hexadecimal(text: str) -> int:
    """Return the value of `0x41`, and -1, which no table of identity numbers holds, for anything else."""
    digits = text.removeprefix("0x")
    return int(digits, 16) if digits and set(digits) <= set(hexdigits) else -1
