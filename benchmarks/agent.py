"""What the agent costs, and whether it delivers.

Prints the resident memory and the share of one core of an agent that reports to a real service every 15 s, then
what arrived of several agents that report fast while the service is killed and restarted ten times. Linux only.

    python benchmarks/agent.py --seconds 300 --agents 8 --kills 10
"""

import argparse
import os
import random
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from autoprec_service.store import SqlStore
from autoprec_service.testing.process import ServiceProcess

_TICKS = os.sysconf("SC_CLK_TCK")
_PATIENCE_SECONDS = 60.0
_KEPT = 1_000_000
"""Reports that the store keeps of each machine here: all of them, to be counted."""


@dataclass(frozen=True, kw_only=True)
class Footprint:
    """What one agent took of its machine."""

    interval_seconds: float
    seconds: float
    start_cpu_seconds: float
    """Until its first report."""
    cpu_seconds: float
    """From then on."""
    resident_bytes: int
    peak_bytes: int

    @property
    def core_share(self) -> float:
        """The share of one core after the start."""
        return self.cpu_seconds / self.seconds


@dataclass(frozen=True, kw_only=True)
class Delivery:
    """What one agent made and what of it arrived."""

    agent: str
    made: int
    stored: int
    distinct: int
    """Different looks among those that are stored."""
    waiting: int
    """Reports that were still in the spool at the end."""
    in_order: bool

    @property
    def lost(self) -> int:
        """Reports that neither arrived nor wait."""
        return self.made - self.distinct - self.waiting

    @property
    def doubled(self) -> int:
        """Reports that are stored more than once."""
        return self.stored - self.distinct


@contextmanager
def agent(url: str, folder: Path, name: str, interval: float) -> Iterator["subprocess.Popen[bytes]"]:
    """Run an agent until the block ends, then stop it as systemd would."""
    options = ("--url", url, "--name", name, "--spool", str(folder), "--interval", str(interval))
    with (folder / f"{name}.log").open("wb") as log:
        process = subprocess.Popen([sys.executable, "-m", "autoprec_probe.agent", *options], stderr=log)  # noqa: S603
        try:
            yield process
            process.send_signal(signal.SIGTERM)
            process.wait(_PATIENCE_SECONDS)
        finally:
            process.kill()
            process.wait()


def footprint(folder: Path, *, seconds: float, interval: float) -> Footprint:
    """Return what an agent costs over so many seconds."""
    with (
        ServiceProcess(folder / "store.db") as service,
        SqlStore(_url(folder)) as store,
        agent(service.url, folder, "measured", interval) as process,
    ):
        while store.node("measured") is None:
            time.sleep(0.05)
        begin, used = time.monotonic(), _cpu_seconds(process.pid)
        time.sleep(seconds)
        return Footprint(
            interval_seconds=interval,
            seconds=time.monotonic() - begin,
            start_cpu_seconds=used,
            cpu_seconds=_cpu_seconds(process.pid) - used,
            resident_bytes=_status_bytes(process.pid, "VmRSS"),
            peak_bytes=_status_bytes(process.pid, "VmHWM"),
        )


def delivery(folder: Path, *, agents: int, kills: int, interval: float, seed: int = 0) -> list[Delivery]:
    """Return what arrived of `agents` that report at `interval` to a service that is killed `kills` times."""
    chance = random.Random(seed)  # noqa: S311 (when to kill)
    names = [f"agent-{number}" for number in range(agents)]
    with (
        SqlStore(_url(folder), telemetry_kept=_KEPT) as store,
        ServiceProcess(folder / "store.db") as service,
        ExitStack() as running,
    ):
        for name in names:
            running.enter_context(agent(service.url, folder, name, interval))
        for _ in range(kills):
            time.sleep(chance.uniform(0.5, 2.0))
            service.kill()
            time.sleep(chance.uniform(0.0, 1.5))
            service.start()
        _wait_until_delivered(folder, names)
        running.close()
        return [_delivery(store, folder, name) for name in names]


def _wait_until_delivered(folder: Path, names: Sequence[str]) -> None:
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while any(_waiting(folder, name) for name in names) and time.monotonic() < deadline:
        time.sleep(0.1)


def _waiting(folder: Path, name: str) -> int:
    return len(list((folder / name).glob("*.json")))


def _delivery(store: SqlStore, folder: Path, name: str) -> Delivery:
    reports = store.reports(name)
    sequences = [each.sequence for each in reports]
    told = re.search(r"Stopped after (\d+) reports", (folder / f"{name}.log").read_text(encoding="utf-8"))
    if told is None:
        raise RuntimeError(f"{name} did not stop cleanly: see its log in {folder}.")
    return Delivery(
        agent=name,
        made=int(told[1]),
        stored=len(reports),
        distinct=len({(each.run, each.sequence) for each in reports}),
        waiting=_waiting(folder, name),
        in_order=sequences == sorted(sequences),
    )


def _cpu_seconds(pid: int) -> float:
    """Return the time that a process has spent on all cores: utime and stime of proc(5)."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def _status_bytes(pid: int, name: str) -> int:
    lines = Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{name}:"))


def _url(folder: Path) -> str:
    return f"sqlite:///{folder / 'store.db'}"


def main() -> None:
    """Measure both and print tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=300.0, help="how long the footprint is measured")
    parser.add_argument("--interval", type=float, default=15.0, help="interval of that agent")
    parser.add_argument("--agents", type=int, default=8)
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--fast", type=float, default=0.05, help="interval of the agents whose delivery is counted")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        _print_delivery(delivery(Path(folder), agents=options.agents, kills=options.kills, interval=options.fast))
    with tempfile.TemporaryDirectory() as folder:
        _print_footprint(footprint(Path(folder), seconds=options.seconds, interval=options.interval))


def _print_delivery(found: Sequence[Delivery]) -> None:
    print("| agent | reports made | arrived | lost | doubled | in order |\n|---|--:|--:|--:|--:|---|")
    for each in found:
        order = "yes" if each.in_order else "NO"
        print(f"| {each.agent} | {each.made} | {each.distinct} | {each.lost} | {each.doubled} | {order} |")
    total = [sum(getattr(each, name) for each in found) for name in ("made", "distinct", "lost", "doubled")]
    print(f"| all | {' | '.join(map(str, total))} | |\n")


def _print_footprint(found: Footprint) -> None:
    print("| interval | measured for | resident | peak | share of one core | start |\n|--:|--:|--:|--:|--:|--:|")
    resident, peak = found.resident_bytes / 1e6, found.peak_bytes / 1e6
    print(
        f"| {found.interval_seconds:g} s | {found.seconds:.0f} s | {resident:.1f} MB | {peak:.1f} MB "
        f"| {found.core_share:.3%} | {found.start_cpu_seconds:.2f} s |",
    )


if __name__ == "__main__":
    main()
