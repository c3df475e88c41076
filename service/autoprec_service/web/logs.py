"""What the service writes about itself: one line for each event, with the id of the request that it is about."""

import json
import logging
import logging.config
import sys
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any

from autoprec_service.settings import Settings

request_id: ContextVar[str | None] = ContextVar("request_id", default=None)
"""The id of the request that is being answered."""

REQUESTS = "autoprec.requests"
"""The logger of answered requests; their fields are in `fields` of a record."""


def configure_logging(settings: Settings) -> None:
    """Send what is logged to stderr, in the form and from the level that the settings say."""
    level = settings.log_level.upper()
    formatter = JsonLines if settings.log_format == "json" else TextLines
    logging.config.dictConfig(
        {
            "version": 1,
            "disable_existing_loggers": False,
            "formatters": {"lines": {"()": formatter}},
            "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "lines", "stream": sys.stderr}},
            "loggers": {
                "autoprec": {"level": level, "handlers": ["stderr"], "propagate": False},
                "uvicorn": {"level": level, "handlers": ["stderr"], "propagate": False},
            },
        },
    )


class JsonLines(logging.Formatter):
    """One JSON object a line."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line of a record."""
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        line |= _fields(record)
        if record.exc_info:
            line["error"] = self.formatException(record.exc_info)
        return json.dumps(line)


class TextLines(logging.Formatter):
    """One line for people: time, level, message, fields."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line of a record."""
        moment = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        fields = "".join(f" {name}={_harmless(value)}" for name, value in _fields(record).items())
        line = f"{moment} {record.levelname:<7} {_harmless(record.getMessage())}{fields}"
        return f"{line}\n{self.formatException(record.exc_info)}" if record.exc_info else line


def _fields(record: logging.LogRecord) -> dict[str, Any]:
    fields: dict[str, Any] = getattr(record, "fields", {})
    found = request_id.get()
    return fields if found is None else fields | {"request_id": found}


def _harmless(value: object) -> str:
    """Return a text in which nothing can begin a line of its own or control a terminal."""
    return "".join(each if each.isprintable() else f"\\x{ord(each):02x}" for each in str(value))
