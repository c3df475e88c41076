"""The README's examples with curl, run as they stand against a real service."""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from autoprec import Client
from autoprec_service.testing.factories import make_study, make_trial
from autoprec_service.testing.process import ServiceProcess

README = Path(__file__).parents[2] / "README.md"
TOKEN = "ap_readme_secret"  # noqa: S105 (made up)
HERE: dict[str, Any] = {"model_fingerprint": "5f1c0e9b7a3d2468", "hardware_key": "nvidia-h100-80gb-hbm3"}

pytestmark = pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")


def examples() -> tuple[str, list[str]]:
    """Return what the examples have in common, and each of them."""
    (block,) = re.findall(r"```sh\n(.*?)```", README.read_text(), flags=re.DOTALL)
    lines = block.replace("\\\n", " ").splitlines()
    commands = re.split(r"\n(?=curl )", "\n" + "\n".join(each for each in lines if not each.startswith("#")))
    return commands[0], commands[1:]


COMMON, EXAMPLES = examples()


@pytest.fixture(scope="module")
def known(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServiceProcess]:
    """A service that asks for a token, and knows the model of the examples."""
    with ServiceProcess(tmp_path_factory.mktemp("known") / "service.db", tokens=[TOKEN]) as running:
        with Client(running.url, TOKEN) as client:
            client.save_studies([make_study(status="complete", **HERE)])
            client.add_trials([make_trial(seconds=1.0, **HERE), make_trial("bf16-mixed", seconds=0.5, **HERE)])
        yield running


@pytest.fixture(scope="module")
def answers(known: ServiceProcess) -> list[Any]:
    """What each example printed."""
    environment = os.environ | {"AUTOPREC_URL": known.url, "AUTOPREC_TOKEN": TOKEN}
    found = []
    for each in EXAMPLES:
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", f"{COMMON}\n{each}"],  # noqa: S607 (as a reader would)
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert (0, "") == (done.returncode, done.stderr), each
        found.append(json.loads(done.stdout))
    return found


def test_every_example_is_answered(answers: list[Any]) -> None:
    ready, advice, compared, models, hardware, outcomes, trials, run = answers
    assert "ready" == ready["status"]
    assert ("bf16-mixed", "measured") == (advice["precision"], advice["basis"])
    assert ("bf16-mixed", "16-mixed") == (compared["precision"], compared["current"]["precision"])
    assert [HERE["model_fingerprint"]] == [each["fingerprint"] for each in models]
    assert [HERE["hardware_key"]] == [each["key"] for each in hardware]
    assert {"32-true", "bf16-mixed"} == {each["candidate"]["precision"] for each in outcomes}
    assert ["bf16-mixed"] == [each["candidate"]["precision"] for each in trials]
    assert "nightly-42" == run["id"]


def test_a_stranger_is_not_answered(known: ServiceProcess) -> None:
    environment = os.environ | {"AUTOPREC_URL": known.url, "AUTOPREC_TOKEN": "another"}
    command = ["bash", "-c", f"{COMMON}\n{EXAMPLES[1]}"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert (22, "") == (done.returncode, done.stdout)
