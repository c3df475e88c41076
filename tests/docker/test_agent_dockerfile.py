"""The agent's image: its own steps, carried out in a fresh virtual environment."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

from autoprec_probe.agent.report import ReportBatch


class Step(NamedTuple):
    """One instruction of a Dockerfile."""

    stage: int
    name: str
    rest: str


@pytest.fixture(scope="module")
def steps(root: Path) -> list[Step]:
    text = (root / "docker" / "agent.Dockerfile").read_text()
    lines = [each for each in text.replace("\\\n", " ").splitlines() if each and not each.startswith("#")]
    found, stage = [], -1
    for line in lines:
        name, rest = line.split(maxsplit=1)
        stage += name == "FROM"
        found.append(Step(stage, name, rest))
    return found


def of(steps: list[Step], name: str, stage: int | None = None) -> list[str]:
    return [each.rest for each in steps if each.name == name and stage in {None, each.stage}]


def test_both_stages_begin_with_the_same_pinned_image(steps: list[Step]) -> None:
    images = [each.split(" AS ")[0] for each in of(steps, "FROM")]
    assert 2 == len(images)
    assert 1 == len(set(images))
    assert re.fullmatch(r"python:3\.\d+\.\d+-slim-\w+", images[0])


def test_it_runs_as_a_user_that_is_not_root(steps: list[Step]) -> None:
    assert ["10001:10001"] == of(steps, "USER", stage=1)
    assert any("useradd --system --uid 10001" in each for each in of(steps, "RUN", stage=1))


def test_nothing_but_what_is_copied_travels_to_the_builder(root: Path, steps: list[Step]) -> None:
    ignored = (root / "docker" / "agent.Dockerfile.dockerignore").read_text().split()
    copied = [name for each in of(steps, "COPY", stage=0) for name in each.split()[:-1]]
    assert ["*", *(f"!{name}" for name in copied), "**/__pycache__"] == ignored


def test_its_health_is_the_sign_of_life_in_the_spool(steps: list[Step]) -> None:
    (check,) = of(steps, "HEALTHCHECK")
    assert 'CMD test -n "$(find /var/lib/autoprec -name alive -mmin -3)"' in check
    assert ["/var/lib/autoprec"] == of(steps, "VOLUME")


@pytest.fixture(scope="module")
def built(root: Path, steps: list[Step], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Carry out the steps of the first stage below a folder, which stands for the image's root."""
    image = tmp_path_factory.mktemp("image")
    (folder,) = of(steps, "WORKDIR", stage=0)
    source = image / folder.lstrip("/")
    source.mkdir(parents=True)
    for copied in of(steps, "COPY", stage=0):
        *names, target = copied.split()
        for name in names:
            _copy(root / name, source / target)
    # `python` is this interpreter, and nothing of the tests' own surroundings shows.
    environment = {name: value for name, value in os.environ.items() if name not in {"PYTHONPATH", "VIRTUAL_ENV"}}
    environment["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{environment['PATH']}"
    for command in of(steps, "RUN", stage=0):
        placed = command.replace("/opt/", f"{image}/opt/")
        subprocess.run(["/bin/sh", "-c", placed], cwd=source, env=environment, check=True)
    return image


def _copy(source: Path, target: Path) -> None:
    if source.is_dir():
        shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
    else:
        shutil.copy(source, target)


def test_its_own_steps_make_an_agent_that_reports(built: Path, steps: list[Step]) -> None:
    (entry,) = of(steps, "ENTRYPOINT", stage=1)
    program, *options = (each.replace("/opt/", f"{built}/opt/") for each in json.loads(entry))
    done = subprocess.run([program, *options, "--once"], env={}, cwd="/", capture_output=True, text=True, check=False)
    assert (0, "") == (done.returncode, done.stderr)
    (report,) = ReportBatch.model_validate_json(done.stdout).reports
    assert report.profile is not None
    assert report.agent_version is not None


def test_it_holds_neither_torch_nor_what_only_the_rest_of_autoprec_needs(built: Path) -> None:
    listed = subprocess.run(
        [built / "opt/autoprec/bin/python", "-m", "pip", "list", "--format=json"],
        env={},
        capture_output=True,
        text=True,
        check=True,
    )
    names = {each["name"].lower() for each in json.loads(listed.stdout)}
    assert set() == names & {"torch", "numpy", "sqlalchemy", "fastapi", "rich", "alembic"}
    assert {"autoprec", "pydantic", "nvidia-ml-py"} <= names
