"""What the agent says: a line on stderr for each event that someone may have to know. Tokens are no part of it."""

import logging
import sys

log = logging.getLogger("autoprec.agent")


def log_to_stderr() -> None:
    """Write the lines of this process to stderr; times are added by whoever collects them, such as systemd."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("autoprec agent: %(levelname)s: %(message)s"))
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    log.propagate = False
