"""The images: their own steps, carried out in fresh virtual environments."""

import json
import re
import shutil
import socket
import subprocess
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest

from autoprec_probe.agent.report import ReportBatch
from autoprec_runner.study import Study
from autoprec_runner.trial import Trial
from autoprec_service.testing.factories import make_study, make_trial

IMAGES = ("agent", "runner", "service")


class Step(NamedTuple):
    """One instruction of a Dockerfile."""

    stage: int
    name: str
    rest: str


Steps = list[Step]
Build = Callable[[str], Path]


@pytest.fixture(scope="module")
def steps_of(root: Path) -> Callable[[str], Steps]:
    """Read the Dockerfile of an image."""

    @cache
    def read(image: str) -> Steps:
        text = (root / "docker" / f"{image}.Dockerfile").read_text()
        plain = "\n".join(each for each in text.splitlines() if each and not each.startswith("#"))
        found, stage = [], -1
        for line in plain.replace("\\\n", " ").splitlines():
            name, rest = line.split(maxsplit=1)
            stage += name == "FROM"
            found.append(Step(stage, name, rest))
        return found

    return read


@pytest.fixture(params=IMAGES)
def image(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def steps(steps_of: Callable[[str], Steps], image: str) -> Steps:
    return steps_of(image)


def of(steps: Steps, name: str, stage: int | None = None) -> list[str]:
    return [each.rest for each in steps if each.name == name and stage in {None, each.stage}]


def variables(steps: Steps) -> dict[str, str]:
    """The environment that an image gives to what runs in it."""
    return dict(pair.split("=", 1) for each in of(steps, "ENV", stage=1) for pair in each.split())


def test_hadolint_finds_nothing(root: Path, hadolint: str, image: str) -> None:
    dockerfile = root / "docker" / f"{image}.Dockerfile"
    done = subprocess.run([hadolint, dockerfile], capture_output=True, text=True, check=False)
    assert (0, "") == (done.returncode, done.stdout)


def test_every_stage_begins_with_the_same_pinned_image(steps_of: Callable[[str], Steps]) -> None:
    images = [each.split(" AS ")[0] for image in IMAGES for each in of(steps_of(image), "FROM")]
    assert 2 * len(IMAGES) == len(images)
    assert 1 == len(set(images))
    assert re.fullmatch(r"python:3\.\d+\.\d+-slim-\w+", images[0])


def test_it_runs_as_a_user_that_is_not_root(steps: Steps) -> None:
    assert ["10001:10001"] == of(steps, "USER", stage=1)
    assert any("useradd --system --uid 10001" in each for each in of(steps, "RUN", stage=1))


def test_nothing_but_what_is_copied_travels_to_the_builder(root: Path, image: str, steps: Steps) -> None:
    ignored = (root / "docker" / f"{image}.Dockerfile.dockerignore").read_text().split()
    copied = [name for each in of(steps, "COPY", stage=0) for name in each.split()[:-1]]
    assert ["*", *(f"!{name}" for name in copied), "**/__pycache__"] == ignored


def test_it_tells_whether_it_is_healthy_without_a_shell_of_its_own(steps: Steps) -> None:
    (check,) = of(steps, "HEALTHCHECK")
    program, *_ = json.loads(check.partition("CMD ")[2])
    assert program in {"/bin/sh", "/opt/autoprec/bin/python", "/opt/autoprec/bin/autoprec"}


def test_what_it_keeps_is_in_a_volume(steps: Steps) -> None:
    assert ["/var/lib/autoprec"] == of(steps, "VOLUME")


@pytest.fixture(scope="module")
def build(
    root: Path,
    steps_of: Callable[[str], Steps],
    surroundings: dict[str, str],
    tmp_path_factory: pytest.TempPathFactory,
) -> Build:
    """Carry out the steps of the first stage below a folder, which stands for the image's root."""

    @cache
    def made(image: str) -> Path:
        place, steps = tmp_path_factory.mktemp(image), steps_of(image)
        (folder,) = of(steps, "WORKDIR", stage=0)
        source = place / folder.lstrip("/")
        source.mkdir(parents=True)
        for copied in of(steps, "COPY", stage=0):
            *names, target = copied.split()
            for name in names:
                _copy(root / name, source / target)
        for command in of(steps, "RUN", stage=0):
            subprocess.run(["/bin/sh", "-c", placed(command, place)], cwd=source, env=surroundings, check=True)
        (place / "var/lib/autoprec").mkdir(parents=True)
        shutil.rmtree(source)
        return place

    return made


def _copy(source: Path, target: Path) -> None:
    if source.is_dir():
        shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
    else:
        shutil.copy(source, target)


def placed(text: str, place: Path) -> str:
    """What an instruction says of the image's root, said of the folder that stands for it."""
    return text.replace("/opt/", f"{place}/opt/").replace("/var/lib/", f"{place}/var/lib/")


def command(steps: Steps, place: Path) -> list[str]:
    """What the image starts."""
    (entry,) = of(steps, "ENTRYPOINT", stage=1)
    return [placed(each, place) for each in json.loads(entry)]


def packages(place: Path) -> set[str]:
    """What is installed in a built image."""
    lister = [str(place / "opt/autoprec/bin/python"), "-m", "pip", "list", "--format=json"]
    done = subprocess.run(lister, env={}, capture_output=True, text=True, check=True)
    return {each["name"].lower() for each in json.loads(done.stdout)}


def test_the_agents_own_steps_make_an_agent_that_reports(build: Build, steps_of: Callable[[str], Steps]) -> None:
    started = [*command(steps_of("agent"), build("agent")), "--once"]
    done = subprocess.run(started, env={}, cwd="/", capture_output=True, text=True, check=False)
    assert (0, "") == (done.returncode, done.stderr)
    (report,) = ReportBatch.model_validate_json(done.stdout).reports
    assert report.profile is not None
    assert report.agent_version is not None


def test_the_agents_image_holds_neither_torch_nor_what_only_the_rest_of_autoprec_needs(build: Build) -> None:
    found = packages(build("agent"))
    assert set() == found & {"torch", "numpy", "sqlalchemy", "fastapi", "rich", "alembic"}
    assert {"autoprec", "pydantic", "nvidia-ml-py"} <= found


def test_the_services_image_holds_no_torch_and_every_driver(build: Build) -> None:
    found = packages(build("service"))
    assert set() == found & {"torch", "pytest", "lightning-fabric"}
    assert {"autoprec", "uvicorn", "psycopg", "psycopg-binary", "opentelemetry-sdk"} <= found


WORKLOAD = """
import torch
import autoprec

def workload():
    batches = [(torch.randn(8, 16), torch.randint(0, 4, (8,))) for _ in range(4)]
    return autoprec.Workload(model=torch.nn.Linear(16, 4), batch=batches, loss=torch.nn.CrossEntropyLoss())
"""


def test_the_runners_own_steps_make_a_runner_that_measures(
    build: Build, steps_of: Callable[[str], Steps], tmp_path: Path
) -> None:
    place, steps = build("runner"), steps_of("runner")
    (tmp_path / "train.py").write_text(WORKLOAD)
    environment = {name: placed(value, place) for name, value in variables(steps).items()}
    started = [*command(steps, place), "suggest", "train.py:workload", "--budget", "10", "--json"]
    done = subprocess.run(started, env=environment, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (0, "measured") == (done.returncode, json.loads(done.stdout)["basis"]), done.stderr
    assert (place / "var/lib/autoprec/autoprec.db").exists()


class Started(NamedTuple):
    """The service's image at work."""

    url: str
    token: str


@pytest.fixture(scope="module")
def started(
    build: Build, steps_of: Callable[[str], Steps], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Started]:
    """Start the service as its image does, on another port, and wait until its own health check is content."""
    place, steps, port = build("service"), steps_of("service"), free_port()
    secret = tmp_path_factory.mktemp("secrets") / "token"
    secret.write_text("the-first-token")
    environment = {name: placed(value, place) for name, value in variables(steps).items()}
    environment |= {"XDG_DATA_HOME": f"{place}/var/lib", "AUTOPREC_PORT": str(port)}
    environment |= {"AUTOPREC_ADMIN_TOKEN_FILE": str(secret)}
    with subprocess.Popen(command(steps, place), env=environment, cwd="/") as process:
        check = health_check(steps, place, port)
        while subprocess.run(check, env={}, capture_output=True, check=False).returncode:
            assert process.poll() is None
        yield Started(f"http://127.0.0.1:{port}", "the-first-token")
        process.terminate()
    assert 0 == process.returncode
    assert (place / "var/lib/autoprec/autoprec.db").exists()


def health_check(steps: Steps, place: Path, port: int) -> list[str]:
    (check,) = of(steps, "HEALTHCHECK")
    arguments = json.loads(check.partition("CMD ")[2])
    return [placed(each, place).replace(":8321/", f":{port}/") for each in arguments]


def free_port() -> int:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        return int(unused.getsockname()[1])


@pytest.fixture
def client(started: Started) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=started.url, headers={"Authorization": f"Bearer {started.token}"}, timeout=30) as opened:
        yield opened


def sent(records: list[Study] | list[Trial]) -> list[Any]:
    return [json.loads(each.model_dump_json(round_trip=True)) for each in records]


def test_the_services_own_steps_make_a_service_that_recommends(client: httpx.Client) -> None:
    assert 200 == client.get("/readyz").status_code
    trials = [make_trial("32-true", seconds=1.0), make_trial("bf16-mixed", seconds=0.5)]
    assert 200 == client.post("/studies", json=sent([make_study(status="complete")])).status_code
    assert 200 == client.post("/trials", json=sent(trials)).status_code
    answer = client.post("/recommend", json={"model_fingerprint": "model-a", "hardware_key": "cpu-x86-2c"})
    assert (200, "bf16-mixed", "measured") == (answer.status_code, answer.json()["precision"], answer.json()["basis"])


def test_the_services_image_answers_nobody_without_a_token(started: Started) -> None:
    assert 401 == httpx.get(f"{started.url}/trials").status_code


def test_the_services_image_shows_the_dashboard(client: httpx.Client) -> None:
    page = client.get("/", headers={"Accept": "text/html"}, follow_redirects=True)
    assert 200 == page.status_code
    assert page.text.startswith("<!doctype html>")


def test_the_agents_image_reports_to_the_services_image(
    build: Build, steps_of: Callable[[str], Steps], started: Started, client: httpx.Client, tmp_path: Path
) -> None:
    (tmp_path / "token").write_text(started.token)
    options = ["--url", started.url, "--name", "gpu-07", "--interval", "0.2", "--token-file", str(tmp_path / "token")]
    with subprocess.Popen([*command(steps_of("agent"), build("agent")), *options], env={}, cwd="/") as agent:
        while [] == (nodes := client.get("/nodes").raise_for_status().json()):
            assert agent.poll() is None
        agent.terminate()
    assert ["gpu-07"] == [each["name"] for each in nodes]
