"""MLflow's tracking server over the same trials, in a virtual environment of its own.

Each model is an experiment and each trial a run with its hardware, precision and status as parameters and its figures
as metrics, which is the layout in which MLflow finds them best: it searches within experiments. The rows are written to
its SQLite database directly, because through its interface a million runs would take hours.
"""

import os
import sqlite3
import subprocess
import time
import venv
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.request import urlopen

from autoprec_runner.trial import Trial
from killing import kill_with_children

PACKAGES = (
    "mlflow-skinny==3.17.2",
    "Flask<4",
    "Flask-CORS<7",
    "aiohttp<4",
    "alembic<2",
    "cryptography<51",
    "graphene<4",
    "huey<4",
    "pandas<4",
    "sqlalchemy<3",
)
"""MLflow without its user interface, and what its server needs besides."""
SEARCH = "/api/2.0/mlflow/runs/search"
_PATIENCE_SECONDS = 120.0
_EXPERIMENT = (
    "INSERT INTO experiments (experiment_id, name, artifact_location, lifecycle_stage, creation_time, "
    "last_update_time) VALUES (?, ?, '', 'active', 0, 0)"
)
_RUN = (
    "INSERT INTO runs (run_uuid, name, source_type, user_id, status, start_time, end_time, lifecycle_stage, "
    "artifact_uri, experiment_id) VALUES (?, ?, 'UNKNOWN', 'team', 'FINISHED', ?, ?, 'active', '', ?)"
)
_PARAM = "INSERT INTO params (key, value, run_uuid) VALUES (?, ?, ?)"
_METRIC = "INSERT INTO metrics (key, value, timestamp, run_uuid, step, is_nan) VALUES (?, ?, 0, ?, 0, 0)"
_LATEST = "INSERT INTO latest_metrics (key, value, timestamp, step, is_nan, run_uuid) VALUES (?, ?, 0, 0, 0, ?)"


def environment(folder: Path) -> Path:
    """Make the virtual environment, unless it is there, and return its command `mlflow`."""
    program = folder / "bin" / "mlflow"
    if not program.exists():
        venv.create(folder, with_pip=True)
        subprocess.run([folder / "bin" / "python", "-m", "pip", "install", "--quiet", *PACKAGES], check=True)  # noqa: S603
    return program


class MLflow:
    """A tracking server on loopback with one worker, over a database that is made anew."""

    def __init__(self, program: Path, database: Path, port: int) -> None:
        self._program = program
        self._database = database
        self._port = port
        self._experiments: dict[str, int] = {}
        self._process: subprocess.Popen[bytes] | None = None
        database.unlink(missing_ok=True)
        subprocess.run([program, "db", "upgrade", self._uri], check=True, capture_output=True)  # noqa: S603

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://127.0.0.1:{self._port}"

    @property
    def pid(self) -> int:
        """The process that was started."""
        assert self._process is not None, "the server does not run"
        return self._process.pid

    @property
    def _uri(self) -> str:
        return f"sqlite:///{self._database}"

    def add(self, trials: Iterable[Trial]) -> None:
        """Write trials as runs, before the server is started."""
        with _transaction(self._database) as connection:
            for trial in trials:
                self._add(connection, trial)

    def _add(self, connection: sqlite3.Connection, trial: Trial) -> None:
        model, run, started = trial.model_fingerprint, trial.id, int(trial.started_at.timestamp() * 1000)
        if model not in self._experiments:
            self._experiments[model] = len(self._experiments) + 1
            connection.execute(_EXPERIMENT, (self._experiments[model], model))
        connection.execute(_RUN, (run, trial.candidate.precision, started, started + 10_000, self._experiments[model]))
        told = {"hardware": trial.hardware_key, "precision": trial.candidate.precision, "status": trial.status}
        connection.executemany(_PARAM, [(name, value, run) for name, value in told.items()])
        figures = [(name, value, run) for name, value in _figures(trial).items() if value is not None]
        connection.executemany(_METRIC, figures)
        connection.executemany(_LATEST, figures)

    def question(self, model_fingerprint: str, hardware_key: str) -> dict[str, object]:
        """Return a search for the trials of a model on some hardware."""
        return {
            "experiment_ids": [str(self._experiments[model_fingerprint])],
            "filter": f"params.hardware = '{hardware_key}'",
            "max_results": 100,
        }

    def __enter__(self) -> Self:
        """Start the server and wait until it answers."""
        options = ("--backend-store-uri", self._uri, "--port", str(self._port), "--workers", "1")
        self._process = subprocess.Popen(  # noqa: S603
            [self._program, "server", *options],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=os.environ | {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"},  # a dozen processes with other tasks
        )
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while not _answers(f"{self.url}/health"):
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"MLflow's server did not start: {self._program} server {' '.join(options)}")
            time.sleep(0.2)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Stop it, and the worker that it has started."""
        assert self._process is not None
        kill_with_children(self._process.pid)
        self._process.wait()


def _figures(trial: Trial) -> dict[str, float | None]:
    return {
        "step_seconds": None if trial.step_time is None else trial.step_time.median_seconds,
        "samples_per_second": trial.samples_per_second,
        "peak_memory_bytes": trial.peak_memory_bytes,
        "final_loss": trial.final_loss,
    }


@contextmanager
def _transaction(database: Path) -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(database)
    connection.execute("PRAGMA synchronous = OFF")
    try:
        with connection:
            yield connection
    finally:
        connection.close()


def _answers(url: str) -> bool:
    try:
        with urlopen(url, timeout=1):  # noqa: S310 (our own server)
            return True
    except OSError:  # refused, or silent for too long
        return False
