"""One small study for all tests of the SDK, and answers made up without any."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from autoprec.recommendation import Recommendation
from autoprec_probe import Candidate, MatmulPrecision
from autoprec_runner.study import Constraints, Study
from autoprec_runner.trial import Trial
from autoprec_service.policy import recommend
from autoprec_service.testing.factories import make_study, make_trial
from autoprec_service.testing.process import ServiceProcess

FACTORIES = """
import os
import time

import torch
from torch import nn

def model(features=16):
    return nn.Sequential(nn.Linear(features, 32), nn.ReLU(), nn.Linear(32, 4))

def batch(features=16):
    generator = torch.Generator().manual_seed(0)
    return torch.randn(8, features, generator=generator), torch.randint(0, 4, (8,), generator=generator)

def tiny():
    return model(), batch()

def number():
    return 3

def raising():
    raise KeyError("no such checkpoint")

def ending():
    os._exit(3)

def misfit():
    return model(), batch(features=5)

def vector_loss():
    return model(), batch(), lambda output, batch: output.sum(dim=1)

def not_a_number():
    return model(), batch(), lambda output, batch: output.sum() * float("nan")

def waiting():
    with open(os.environ["LOADING"], "w") as reader:
        reader.write("now")
    time.sleep(600)
"""


class Done(NamedTuple):
    """A command that has ended."""

    code: int
    out: str
    err: str


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with nothing in it but a file of factories."""
    made = tmp_path_factory.mktemp("workload")
    (made / "factories.py").write_text(FACTORIES)
    return made


@pytest.fixture(scope="session")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The environment of commands: folders of their own, and one thread, since two wait for each other when it is busy.

    The bytecode of the factories would be written beside them, as Python does for every imported file.
    """
    made = tmp_path_factory.mktemp("surroundings")
    (made / "home").mkdir()
    (made / "temporary").mkdir()
    surroundings = {name: value for name, value in os.environ.items() if not name.startswith("AUTOPREC_")}
    return {
        **surroundings,
        "AUTOPREC_DB": str(made / "store" / "autoprec.db"),
        "HOME": str(made / "home"),
        "XDG_STATE_HOME": str(made / "state"),
        "TMPDIR": str(made / "temporary"),
        "OMP_NUM_THREADS": "1",
        "COLUMNS": "80",
        "PYTHONDONTWRITEBYTECODE": "1",
    }


@pytest.fixture(scope="session")
def leftovers() -> Callable[[str], list[Path]]:
    """Tell what has been left in a temporary folder; PyTorch's cache, which all programs share, does not count."""
    return lambda folder: [each for each in Path(folder).iterdir() if not each.name.startswith("torchinductor_")]


@pytest.fixture(scope="session")
def command() -> list[str]:
    """What `autoprec` on the command line runs."""
    return [sys.executable, "-c", "import sys; from autoprec.cli import main; sys.exit(main())"]


@pytest.fixture(scope="session")
def autoprec_command(folder: Path, environment: dict[str, str], command: list[str]) -> Callable[..., Done]:
    """Run `autoprec` in a process of its own, in the folder of factories."""

    def run(*arguments: str, **variables: str) -> Done:
        done = subprocess.run(
            [*command, *arguments],
            cwd=folder,
            env=environment | variables,
            capture_output=True,
            text=True,
            check=False,
        )
        return Done(done.returncode, done.stdout, done.stderr)

    return run


@pytest.fixture(scope="session")
def script(folder: Path, environment: dict[str, str]) -> Callable[..., Done]:
    """Run a plain script in a process of its own, in the folder of factories."""

    def run(program: str, **variables: str) -> Done:
        done = subprocess.run(
            [sys.executable, "-"],
            input=program,
            cwd=folder,
            env=environment | variables,
            capture_output=True,
            text=True,
            check=False,
        )
        return Done(done.returncode, done.stdout, done.stderr)

    return run


@pytest.fixture(scope="session")
def question() -> tuple[str, ...]:
    """The question of the one study that is run by the command line."""
    return ("suggest", "factories.py:tiny", "--candidates", "32-true,bf16-mixed", "--budget", "12")


@pytest.fixture(scope="session")
def asked(autoprec_command: Callable[..., Done], question: tuple[str, ...]) -> Done:
    """The one study, run by the command line."""
    return autoprec_command(*question, "--json")


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServiceProcess]:
    """A real service in a process of its own, for all tests that do not kill it."""
    with ServiceProcess(tmp_path_factory.mktemp("service") / "service.db") as running:
        yield running


@pytest.fixture(autouse=True)
def _own_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test touches the store, the measured rates, the outbox or the service of whoever runs the tests."""
    for name in ("AUTOPREC_URL", "AUTOPREC_TOKEN", "AUTOPREC_PRECISION"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("AUTOPREC_DB", str(tmp_path / "autoprec.db"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")


@pytest.fixture(scope="session")
def answer_of() -> Callable[..., Recommendation]:
    """Make an answer of trials, as `suggest()` does."""

    def make(*trials: Trial, study: Study | None = None, **fields: Any) -> Recommendation:
        answer = recommend(trials, objective="throughput", constraints=Constraints())
        return Recommendation(**dict(answer), study=study or make_study(), trials=trials, **fields)

    return make


@pytest.fixture(scope="session")
def answer(answer_of: Callable[..., Recommendation]) -> Recommendation:
    """bf16-mixed wins, with every kind of other candidate beside it."""
    return answer_of(
        make_trial("32-true", seconds=0.01),
        make_trial("bf16-mixed", seconds=0.005, memory=2**29),
        make_trial("bf16-true", seconds=0.004, verdict="unstable"),
        make_trial("64-true", phase="sprint", seconds=0.03, verdict=None),
        make_trial(
            "16-true", phase="screen", status="unsupported", seconds=None, memory=None, verdict=None,
            reason="No <fp16> & [red]nothing[/] here.", remedy="Use bf16-true.",
        ),
        assumptions=("The loss is <mean> squared error.",),
    )  # fmt: skip


@pytest.fixture(scope="session")
def chosen(answer_of: Callable[..., Recommendation]) -> Callable[..., Recommendation]:
    """Make an answer that recommends a candidate, whatever is installed here."""

    def make(precision: str, *, matmul: MatmulPrecision = "highest", **fields: Any) -> Recommendation:
        candidate = Candidate.model_construct(precision=precision, strategy="single", matmul_precision=matmul)
        return answer_of(make_trial(), **fields).model_copy(update={"candidate": candidate, "precision": precision})

    return make
