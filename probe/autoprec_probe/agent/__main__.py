"""`python -m autoprec_probe.agent`, which is also `autoprec agent`: it loads neither torch nor the rest of autoprec.

Exit codes: 0 it was stopped, or has printed what it would send; 1 a failure; 2 the call cannot be honoured as given.
"""

import argparse
import os
import random
import sys
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from autoprec_probe.agent.agent import Agent, Reporter
from autoprec_probe.agent.clock import SystemClock
from autoprec_probe.agent.courier import Courier
from autoprec_probe.agent.log import log, log_to_stderr
from autoprec_probe.agent.observer import Observer
from autoprec_probe.agent.outbox import Outbox
from autoprec_probe.agent.report import ReportBatch
from autoprec_probe.agent.settings import (
    Settings,
    checked_interval,
    checked_node,
    checked_url,
    default_spool,
    token_source,
)
from autoprec_probe.agent.spool import Spool
from autoprec_probe.agent.stopping import SignalWaiter
from autoprec_probe.agent.transport import HttpTransport
from autoprec_probe.errors import ProbeError

STOPPED, FAILED, USAGE = 0, 1, 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the agent and return its exit code."""
    try:
        options = _parsed(arguments)
    except SystemExit as ended:
        return int(ended.code or 0)
    try:
        interval = checked_interval(options.interval)
        if options.once:
            return _print(_once(interval, with_uuids=options.with_uuids))
        _run(_settings(options, interval))
    except ProbeError as error:
        sys.stderr.write(f"Error: {error}\n")
        return USAGE
    return STOPPED


def _parsed(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Return the options; what is not understood is told by its name alone, for a token may stand behind it."""
    parser = _parser()
    options, others = parser.parse_known_args(arguments)
    if others:
        names = [each.partition("=")[0] for each in others if each.startswith("-")]
        parser.error(f"unknown option {' '.join(names)}" if names else "it takes options only")
    return options


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="autoprec agent",
        description="Report this machine's profile and live values to a service, until SIGTERM or Ctrl-C.",
        epilog="Exit codes: 0 stopped, or printed what it would send; 1 a failure; 2 a call that cannot be honoured.",
        allow_abbrev=False,
    )
    add = parser.add_argument
    environment = os.environ.get
    add("--url", default=environment("AUTOPREC_URL"), help="address of the service; default: $AUTOPREC_URL")
    add("--token", help="shown to the service; visible to other users of this machine. Default: $AUTOPREC_TOKEN")
    add("--token-file", metavar="FILE", help="a file that holds the token, read anew when it is replaced")
    add("--interval", default="15", metavar="SECONDS", help="time between two reports; default: 15")
    add(
        "--name", default=environment("AUTOPREC_NODE"), help="name of this node; default: $AUTOPREC_NODE, or the host's"
    )
    add("--spool", metavar="DIR", help="where reports wait while the service is away; default: the user's state folder")
    add("--with-uuids", action="store_true", help="send the serial numbers of accelerators, too")
    add("--once", action="store_true", help="print what would be sent, as JSON, and end; needs no service")
    return parser


def _settings(options: argparse.Namespace, interval: float) -> Settings:
    node = checked_node(options.name)
    folder = default_spool() if options.spool is None else Path(options.spool)
    given = options.token or (None if options.token_file else os.environ.get("AUTOPREC_TOKEN"))
    return Settings(
        url=checked_url(options.url),
        token=token_source(given, options.token_file),
        node=node,
        interval_seconds=interval,
        spool=folder / node,
        with_uuids=options.with_uuids,
    )


def _once(interval: float, *, with_uuids: bool) -> ReportBatch:
    clock = SystemClock()
    look = Observer(clock, with_uuids=with_uuids).look()
    report = Reporter(clock, interval_seconds=interval, agent_version=_version()).report(look)
    return ReportBatch(sent_at=clock.now(), reports=(report,))


def _print(batch: ReportBatch) -> int:
    try:
        sys.stdout.write(batch.model_dump_json(indent=2, exclude_defaults=True, round_trip=True) + "\n")
        sys.stdout.flush()
    except BrokenPipeError:
        # What is still in the buffer goes nowhere, instead of failing once more when the interpreter ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    return STOPPED


def _run(settings: Settings) -> None:
    log_to_stderr()
    clock, chance = SystemClock(), random.SystemRandom().random
    spool = Spool(settings.spool)
    outbox = Outbox(spool, clock)
    transport = HttpTransport(
        settings.url,
        node=settings.node,
        token=settings.token,
        agent=f"autoprec-agent/{_version()}",
    )
    reporter = Reporter(clock, interval_seconds=settings.interval_seconds, agent_version=_version())
    agent = Agent(
        Observer(clock, with_uuids=settings.with_uuids),
        reporter,
        outbox,
        Courier(outbox, transport, clock, chance),
        clock,
        interval_seconds=settings.interval_seconds,
        random=chance,
    )
    if settings.warning is not None:
        log.warning(settings.warning)
    log.info(
        "Reporting %s to %s every %g s, spool %s.",
        settings.node,
        settings.url.geturl(),
        settings.interval_seconds,
        settings.spool,
    )
    with SignalWaiter() as waiter:
        agent.run(waiter)
    waiting = len(outbox) - outbox.unsafe
    log.info("Stopped after %d reports; %d wait in the spool for the next start.", reporter.made, waiting)
    if outbox.unsafe:
        log.warning("%d reports are lost with the memory of this process.", outbox.unsafe)


def _version() -> str | None:
    try:
        return version("autoprec")
    except PackageNotFoundError:
        return None


if __name__ == "__main__":
    sys.exit(main())
