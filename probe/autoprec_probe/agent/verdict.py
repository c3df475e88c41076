"""What a reply of the service means for the reports that were sent."""

from dataclasses import dataclass
from typing import Literal

from pydantic import ValidationError

from autoprec_probe.agent.report import Receipt
from autoprec_probe.agent.transport import Reply

Meaning = Literal["delivered", "refused", "denied", "elsewhere", "away"]
"""delivered: stored, or stored before. refused: these reports will never be taken. denied: the token is missing, wrong,
or may not do this. elsewhere: what answered is no service that takes reports. away: try again soon."""

_REFUSED = frozenset({400, 409, 413, 415, 422})
_DENIED = frozenset({401, 403})
_AWAY = frozenset({408, 425, 429})
_SHOWN_CHARACTERS = 300
_LONGEST_WISH_SECONDS = 3600.0


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """A meaning with its reason."""

    meaning: Meaning
    reason: str
    profile_wanted: bool = False
    wait_seconds: float | None = None
    """How long the service asked to be left alone."""


def judge(reply: Reply, sent: int) -> Verdict:
    """Return what `reply` means for a batch of `sent` reports."""
    if reply.status in range(200, 300):
        return _receipt(reply, sent)
    reason = f"HTTP {reply.status} {_shown(reply.body)}".rstrip()
    if reply.status in _REFUSED:
        return Verdict(meaning="refused", reason=reason)
    if reply.status in _DENIED:
        return Verdict(meaning="denied", reason=reason)
    if reply.status in _AWAY or reply.status >= 500:  # noqa: PLR2004 (the class of HTTP's server errors)
        return Verdict(meaning="away", reason=reason, wait_seconds=_wish(reply.retry_after))
    return Verdict(meaning="elsewhere", reason=reason)


def _receipt(reply: Reply, sent: int) -> Verdict:
    """Believe a success only with a receipt for every report: a proxy's sign-in page is a success to HTTP."""
    try:
        receipt = Receipt.model_validate_json(reply.body)
    except ValidationError:
        return Verdict(meaning="elsewhere", reason=f"HTTP {reply.status} without a receipt: {_shown(reply.body)}")
    if receipt.stored + receipt.known != sent:
        return Verdict(meaning="elsewhere", reason=f"a receipt for {receipt.stored + receipt.known} of {sent} reports")
    return Verdict(meaning="delivered", reason="stored", profile_wanted=receipt.profile_wanted)


def _shown(body: bytes) -> str:
    """Return the beginning of a body in one line, harmless to a terminal."""
    text = body[: 4 * _SHOWN_CHARACTERS].decode(errors="replace")
    return "".join(each if each.isprintable() else " " for each in text)[:_SHOWN_CHARACTERS].strip()


def _wish(retry_after: str | None) -> float | None:
    """Return the seconds of a Retry-After header; its other form, a date, needs clocks that agree and is left out."""
    if retry_after is None or not retry_after.strip().isdecimal():
        return None
    return min(float(retry_after), _LONGEST_WISH_SECONDS)
