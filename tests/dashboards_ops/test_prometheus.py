"""A real Prometheus scrapes a real service, and every panel of Grafana has something to show."""

import json
import math
import re
import shutil
import socket
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from autoprec_probe.agent.report import ReportBatch
from autoprec_probe.profile import Accelerator
from autoprec_service.testing.factories import PROFILE, STARTED_AT, make_report, make_study, make_trial
from autoprec_service.testing.process import ServiceProcess

PROMETHEUS = shutil.which("prometheus")
pytestmark = pytest.mark.skipif(PROMETHEUS is None, reason="requires prometheus: apt-get install prometheus")

TOKEN = "of-the-operator"  # noqa: S105
ROUNDS = 120
WINDOW = "30s"
"""What a dashboard of a few minutes would make of `$__rate_interval`."""

Ask = Callable[[str], list[dict[str, Any]]]


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServiceProcess]:
    with ServiceProcess(tmp_path_factory.mktemp("service") / "store.db", tokens=[TOKEN]) as running:
        yield running


@pytest.fixture(scope="module")
def client(service: ServiceProcess) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=service.url, headers={"Authorization": f"Bearer {TOKEN}"}, timeout=30) as opened:
        yield opened


def busy(client: httpx.Client, number: int) -> None:
    """Let the service do a little of everything."""
    study = make_study(id=f"study-{number}", status="complete")
    trials = [
        make_trial(id=f"{study.id}-{precision}", study_id=study.id, precision=precision, seconds=seconds)
        for precision, seconds in (("32-true", 1.0), ("bf16-mixed", 0.5))
    ]
    accelerator = Accelerator(kind="cuda", index=0, vendor="NVIDIA", name="NVIDIA L4", architecture="ada")
    profile = PROFILE.model_copy(update={"accelerators": (accelerator,)})
    report = make_report(number, profile=profile if number == 0 else None)
    batch = ReportBatch(sent_at=STARTED_AT, reports=(report,))
    answers = [
        client.post("/studies", json=[json.loads(study.model_dump_json(round_trip=True))]),
        client.post("/trials", json=[json.loads(each.model_dump_json(round_trip=True)) for each in trials]),
        client.post("/recommend", json={"model_fingerprint": "model-a", "hardware_key": "cpu-x86-2c"}),
        client.put("/nodes/gpu-07", json=json.loads(batch.model_dump_json(round_trip=True))),
    ]
    assert [200] * len(answers) == [each.status_code for each in answers], [each.text for each in answers]
    assert 401 == httpx.get(client.base_url.join("/trials")).status_code


@pytest.fixture(scope="module")
def prometheus(folder: Path, service: ServiceProcess, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Prometheus with our configuration, but the service's address, our token, and less time between scrapes."""
    place = tmp_path_factory.mktemp("prometheus")
    shutil.copytree(folder / "prometheus", place / "etc")
    (place / "token").write_text(TOKEN)
    configuration = place / "etc" / "prometheus.yml"
    configuration.write_text(adapted(configuration.read_text(), service.url.removeprefix("http://"), place / "token"))
    address = f"127.0.0.1:{free_port()}"
    options = (f"--config.file={configuration}", f"--storage.tsdb.path={place}/data", f"--web.listen-address={address}")
    with (place / "log").open("w") as log, subprocess.Popen([PROMETHEUS or "", *options], stderr=log) as process:
        yield f"http://{address}"
        process.kill()


def adapted(configuration: str, target: str, token: Path) -> str:
    changed = configuration.replace("service:8321", target).replace("/run/tokens/prometheus", str(token))
    return re.sub(r"_interval: \d+s", "_interval: 250ms", changed)


def free_port() -> int:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        return int(unused.getsockname()[1])


@pytest.fixture(scope="module")
def ask(prometheus: str) -> Ask:
    def query(expression: str) -> list[dict[str, Any]]:
        parameters = {"query": expression.replace("$__rate_interval", WINDOW)}
        try:
            answer = httpx.get(f"{prometheus}/api/v1/query", params=parameters, timeout=30)
        except httpx.ConnectError:
            return []  # it is still starting
        told = answer.json()
        assert "success" == told.get("status"), (expression, told)
        found = told["data"]["result"]
        return [each for each in found if not math.isnan(float(each["value"][1]))]

    return query


def test_every_query_of_every_panel_returns_data(client: httpx.Client, ask: Ask, queries: list[Any]) -> None:
    missing = list(queries)
    for number in range(ROUNDS):
        busy(client, number)
        missing = [each for each in missing if not ask(each.expression)]
        if not missing:
            return
    assert [] == missing


def test_every_number_of_the_service_is_in_a_panel_or_an_alert(
    folder: Path, client: httpx.Client, queries: list[Any]
) -> None:
    told = set(
        re.findall(r"^# TYPE (autoprec_\w+?)(?:_total|_created|_info)? ", client.get("/metrics").text, re.MULTILINE)
    )
    shown = " ".join([*(each.expression for each in queries), (folder / "prometheus/alerts.yml").read_text()])
    assert set() == {name for name in told if name not in shown}


def test_prometheus_scrapes_the_service_and_loads_every_rule(folder: Path, prometheus: str, ask: Ask) -> None:
    assert ["1"] == [each["value"][1] for each in ask('up{job="autoprec"}')]
    groups = httpx.get(f"{prometheus}/api/v1/rules").json()["data"]["groups"]
    states = {rule["name"]: rule["health"] for group in groups for rule in group["rules"]}
    assert (folder / "prometheus/alerts.yml").read_text().count("- alert:") == len(states)
    assert set() == {name for name, health in states.items() if health == "err"}
