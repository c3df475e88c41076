"""How statuses look: a tone for the colour, and a sign for those who do not see it."""

from dataclasses import dataclass
from typing import Literal

Tone = Literal["good", "info", "warn", "bad", "quiet"]

_SIGNS: dict[Tone, str] = {"good": "✓", "info": "●", "warn": "!", "bad": "✕", "quiet": "○"}
_TONES: dict[str, Tone] = {
    "chosen": "good",
    "ok": "good",
    "stable": "good",
    "complete": "good",
    "online": "good",
    "native": "good",
    "measured": "good",
    "alternative": "info",
    "running": "info",
    "transferred": "info",
    "note": "quiet",
    "unjudged": "quiet",
    "predicted": "quiet",
    "interrupted": "warn",
    "stale": "warn",
    "emulated": "warn",
    "timeout": "warn",
    "warning": "warn",
    "not-verified": "warn",
    "unstable": "bad",
    "oom": "bad",
    "crashed": "bad",
    "error": "bad",
    "lost": "bad",
    "bad": "bad",
}


@dataclass(frozen=True, kw_only=True)
class Badge:
    """A word with its colour and its sign."""

    word: str
    tone: Tone
    sign: str


def badge(word: str) -> Badge:
    """Return how a status looks; a word that is not known here looks quiet."""
    tone = _TONES.get(word, "quiet")
    return Badge(word=word, tone=tone, sign=_SIGNS[tone])
