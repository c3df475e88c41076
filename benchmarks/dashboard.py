"""How long a reader waits for the dashboard's pages, in a real Chromium over a real service.

Fills a store (SQLite, or that of `--db`) with trials and machines, and prints for every page, opened by a browser with
nothing in its cache: the time until the answer has arrived, until something is seen (first contentful paint), and until
the page answers to keys and clicks. Medians over `--rounds`, the longest in brackets.

    python benchmarks/dashboard.py --trials 100000 --nodes 1000
"""

import argparse
import os
import shutil
import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import uvicorn
from playwright.sync_api import Browser, sync_playwright

from autoprec_dashboards.extension import dashboard
from autoprec_probe.profile import Accelerator, Cpu, HardwareProfile, Software
from autoprec_probe.telemetry import DeviceTelemetry, Telemetry
from autoprec_runner.study import Study
from autoprec_runner.trial import Trial
from autoprec_service.settings import Settings
from autoprec_service.store import Store, open_store
from autoprec_service.testing import make_report, make_study, make_trial
from autoprec_service.web.app import create_app

_TRIALS_A_STUDY = 10
_HARDWARE = tuple(f"nvidia-h100-{number:02}" for number in range(20))
_PRECISIONS = ("32-true", "bf16-mixed", "16-mixed", "bf16-true", "16-true")
_STEPS = 50
_BATCH = 500
_ARGUMENTS = ("--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-sync")
_MEASURED = """async () => {
    await new Promise((done) => {
        const seen = (list) => { if (list.getEntriesByName("first-contentful-paint").length) done(); };
        new PerformanceObserver(seen).observe({ type: "paint", buffered: true });
    });
    const told = performance.getEntriesByType("navigation")[0];
    return [
        told.responseEnd - told.requestStart,
        performance.getEntriesByName("first-contentful-paint")[0].startTime,
        performance.getEntriesByName("ready")[0].startTime,
    ];
}"""


@dataclass(frozen=True, kw_only=True)
class Wait:
    """How long one page took, in seconds."""

    page: str
    response: float
    """From the request to the end of the answer."""
    first_view: float
    interactive: float


def fill(store: Store, trials: int, nodes: int) -> None:
    """Store as many trials, ten a study, on twenty kinds of hardware, and as many machines with eight devices each."""
    count = trials // _TRIALS_A_STUDY
    width = _BATCH // _TRIALS_A_STUDY
    for numbers in (range(start, min(count, start + width)) for start in range(0, count, width)):
        store.save_studies(_study(number) for number in numbers)
        store.add_trials(trial for number in numbers for trial in _trials(number))
    now = datetime.now(UTC)
    for number in range(nodes):
        report = make_report(number, profile=_profile(number), telemetry=_telemetry(number))
        sent_at = report.observed_at + timedelta(seconds=1)
        store.add_reports(f"node-{number:04}", [report], sent_at=sent_at, received_at=now)


def _model(number: int) -> str:
    return f"model-{number // len(_HARDWARE):06}"


def _study(number: int) -> Study:
    return make_study(
        id=f"study-{number:06}",
        model_fingerprint=_model(number),
        workload=f"workload {number // len(_HARDWARE)}: a model",
        hardware_key=_HARDWARE[number % len(_HARDWARE)],
        status="complete",
    )


def _trials(number: int) -> Iterator[Trial]:
    for place in range(_TRIALS_A_STUDY):
        yield make_trial(
            _PRECISIONS[place % len(_PRECISIONS)],
            id=f"trial-{number:06}-{place}",
            study_id=f"study-{number:06}",
            model_fingerprint=_model(number),
            hardware_key=_HARDWARE[number % len(_HARDWARE)],
            seconds=0.1 / (1 + place % len(_PRECISIONS)),
            phase="race" if place < len(_PRECISIONS) else "verify",
            losses=tuple(2 * 0.99**step for step in range(_STEPS)),
            software={"torch": f"2.{number % 3 + 11}.0"},
        )


def _profile(number: int) -> HardwareProfile:
    return HardwareProfile(
        system="Linux",
        cpu=Cpu(architecture="x86_64", model_name="AMD EPYC 9654", logical_cores=192, usable_cores=192),
        accelerators=tuple(
            Accelerator(
                kind="cuda",
                index=index,
                vendor="nvidia",
                name="NVIDIA H100 80GB HBM3",
                uuid=f"GPU-{number}-{index}",
                architecture="hopper",
                compute_capability=(9, 0),
                memory_total_bytes=80 * 2**30,
            )
            for index in range(8)
        ),
        software=Software(python="3.11.9", packages={"torch": "2.13.0"}, nvidia_driver="570.86.15"),
    )


def _telemetry(number: int) -> Telemetry:
    return Telemetry(
        accelerators=tuple(
            DeviceTelemetry(
                kind="cuda", index=index, vendor="nvidia", utilization_percent=float((number + index) % 101)
            )
            for index in range(8)
        )
    )


@contextmanager
def serving(place: str) -> Iterator[str]:
    """Run the service in a process of its own, as it runs in earnest, and yield its address."""
    ready, told = os.pipe()
    child = os.fork()
    if child == 0:
        app = create_app(Settings(db=place), extensions=[dashboard])
        server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="error"))
        startup = server.startup

        async def listening(sockets: list[object] | None = None) -> None:
            await startup(sockets)  # type: ignore[arg-type]
            os.write(told, str(server.servers[0].sockets[0].getsockname()[1]).encode())

        server.startup = listening  # type: ignore[assignment]
        server.run()
        os._exit(0)
    try:
        yield f"http://127.0.0.1:{os.read(ready, 16).decode()}"
    finally:
        os.kill(child, 9)
        os.waitpid(child, 0)


def measured(browser: Browser, url: str, path: str) -> Wait:
    """Open a page in a browser without a cache."""
    context = browser.new_context()
    page = context.new_page()
    page.goto(f"{url}{path}")
    page.wait_for_selector("html[data-ready]", state="attached")
    response, first_view, interactive = (each / 1e3 for each in page.evaluate(_MEASURED))
    context.close()
    return Wait(page=path, response=response, first_view=first_view, interactive=interactive)


def report(waits: Sequence[Wait]) -> str:
    """Return a line a page: medians, and the longest in brackets."""
    lines = ["| page | answer, ms | first view, ms | interactive, ms |", "|---|--:|--:|--:|"]
    for path in dict.fromkeys(each.page for each in waits):
        own = [each for each in waits if each.page == path]
        cells = (_cell([getattr(each, name) for each in own]) for name in ("response", "first_view", "interactive"))
        lines.append(f"| {path} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _cell(seconds: Sequence[float]) -> str:
    return f"{1e3 * statistics.median(seconds):.0f} ({1e3 * max(seconds):.0f})"


def main() -> None:
    """Fill, serve, open every page, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=100_000)
    parser.add_argument("--nodes", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--chromium", default=shutil.which("chromium"), help="the browser to drive")
    parser.add_argument("--db", help="path or URL of a store that was filled before, or is to be; default: a new file")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        place = given.db or str(Path(folder) / "store.db")
        began = time.perf_counter()
        with open_store(place) as store:
            if not store.counts().trials:
                fill(store, given.trials, given.nodes)
            counts = store.counts()
        print(f"{counts.trials:,} trials, {counts.nodes:,} machines, filled in {time.perf_counter() - began:.0f} s")
        print(f"load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores\n")
        with serving(place) as url, sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=given.chromium, args=[*_ARGUMENTS])
            print(report([measured(browser, url, each) for _ in range(given.rounds) for each in _paths()]))
            browser.close()


def _paths() -> Sequence[str]:
    model = _model(0)
    return (
        "/",
        "/ui/nodes/node-0500",
        "/ui/models",
        "/ui/models?q=workload 42",
        f"/ui/models/{model}",
        "/ui/studies/study-000000",
        "/ui/live",
        f"/ui/recommend?model={model}&hardware={_HARDWARE[0]}",
        "/ui/compare",
        "/ui/compare?by=software",
        "/ui/trust",
    )


if __name__ == "__main__":
    main()
