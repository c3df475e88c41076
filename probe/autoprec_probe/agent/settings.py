"""What the agent was told, checked before anything starts."""

import os
import platform
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

from autoprec_probe.agent.report import NODE_NAME
from autoprec_probe.errors import ProbeError

SHORTEST_INTERVAL_SECONDS, LONGEST_INTERVAL_SECONDS = 0.05, 86_400.0
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_TOKEN = re.compile(r"[\x21-\x7e]+")


class SettingsError(ProbeError, ValueError):
    """An option that cannot be honoured; the message says what is allowed. It never holds a token."""


@dataclass(frozen=True, kw_only=True, repr=False)
class Settings:
    """Where to report to, as whom, and how often."""

    url: SplitResult
    token: Callable[[], str | None]
    node: str
    interval_seconds: float
    spool: Path
    with_uuids: bool = False

    @property
    def warning(self) -> str | None:
        """What the user should know about these settings."""
        plain = self.url.scheme == "http" and self.url.hostname not in _LOOPBACK
        if not plain or self.token() is None:
            return None
        return f"The token travels unencrypted to {self.url.hostname}: give a URL that begins with https://."


def checked_url(text: str | None) -> SplitResult:
    """Return the address of a service.

    Raises:
        SettingsError: It is missing, or not one to which reports could be sent.
    """
    if not text:
        raise SettingsError("The agent needs the address of a service: --url URL, or AUTOPREC_URL. Or ask for --once.")
    try:
        url = urlsplit(text)
        _ = url.port  # parsed when it is asked for
    except ValueError as e:
        raise SettingsError(f"The URL cannot be read ({e}). Give one such as https://autoprec.example.org.") from e
    if url.username is not None or url.password is not None:
        raise SettingsError("The URL holds a user name or a password, which would be logged. Give --token-file.")
    if url.scheme not in {"http", "https"} or not url.hostname or url.query or url.fragment:
        raise SettingsError(f"{text!r} is no address of a service. Give one such as https://autoprec.example.org.")
    return url


def checked_node(name: str | None) -> str:
    """Return the name of this machine: the given one, else its host name.

    Raises:
        SettingsError: The name has other characters than letters, digits, dots, hyphens and underscores.
    """
    chosen = name or platform.node()
    if not re.fullmatch(NODE_NAME, chosen):
        raise SettingsError(
            f"{chosen!r} cannot be the name of a node: give 1 to 253 letters, digits, '.', '-' and '_', a letter or "
            "digit first (--name, AUTOPREC_NODE).",
        )
    return chosen


def checked_interval(text: str) -> float:
    """Return an interval in seconds.

    Raises:
        SettingsError: It is no number, or too short or too long.
    """
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not SHORTEST_INTERVAL_SECONDS <= seconds <= LONGEST_INTERVAL_SECONDS:
        raise SettingsError(
            f"The interval {text!r} is none of {SHORTEST_INTERVAL_SECONDS:g} to {LONGEST_INTERVAL_SECONDS:g} seconds.",
        )
    return seconds


def token_source(token: str | None, file: str | None) -> Callable[[], str | None]:
    """Return what tells the token: a given one, or a file that is read anew each time, because tokens are replaced.

    Raises:
        SettingsError: Both are given, the file cannot be read now, or what was given could not travel in a header.
    """
    if file is None:
        given = None if not token else _checked_token(token)
        return lambda: given
    if token:
        raise SettingsError("Both a token and a file with one are given: choose --token-file.")
    path, last = Path(file), [_read_token(Path(file))]

    def read() -> str | None:
        # While the file is being replaced, the last one is better than none.
        try:
            last[0] = _read_token(path)
        except SettingsError:
            return last[0]
        return last[0]

    return read


def default_spool() -> Path:
    """Return where reports wait unless told otherwise: systemd's state folder of the unit, else the user's."""
    given = os.environ.get("STATE_DIRECTORY", "").partition(":")[0]
    if given:
        return Path(given) / "spool"
    from platformdirs import user_state_path  # noqa: PLC0415 (only the default needs it)

    return user_state_path("autoprec", appauthor=False) / "spool"


def _read_token(path: Path) -> str:
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError as e:
        raise SettingsError(f"The token file {path} cannot be read: {e.strerror}.") from e
    return _checked_token(text.strip())


def _checked_token(token: str) -> str:
    if not _TOKEN.fullmatch(token):
        raise SettingsError("The token is empty or holds spaces or characters that cannot travel in a header.")
    return token
