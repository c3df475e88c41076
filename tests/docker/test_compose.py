"""The service, PostgreSQL, an agent, Prometheus and Grafana together, as Docker Compose reads it."""

import json
import re
import shutil
import stat
import subprocess
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.engine import make_url

from autoprec import __version__
from autoprec_service.settings import Settings

OURS = {"service": "service", "tokens": "service", "agent": "agent"}
OTHERS = {"postgres", "prometheus", "grafana"}


@pytest.fixture(scope="module")
def project(root: Path, compose: str) -> dict[str, Any]:
    done = subprocess.run(
        [compose, "--file", root / "docker" / "compose.yaml", "config", "--format", "json"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (0, "") == (done.returncode, done.stderr)
    found = json.loads(done.stdout)
    assert isinstance(found, dict)
    return found


@pytest.fixture
def services(project: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return dict(project["services"])


def test_it_is_all_that_is_needed(services: dict[str, dict[str, Any]]) -> None:
    assert {*OURS, *OTHERS} == set(services)


@pytest.mark.parametrize(("service", "image"), OURS.items())
def test_our_images_are_built_from_their_dockerfiles_and_named_after_this_version(
    root: Path, services: dict[str, dict[str, Any]], service: str, image: str
) -> None:
    built = services[service]["build"]
    assert (str(root), f"docker/{image}.Dockerfile") == (built["context"], built["dockerfile"])
    assert f"autoprec-{image}:{__version__}" == services[service]["image"]


@pytest.mark.parametrize("service", sorted(OTHERS))
def test_images_of_others_are_pinned_to_a_version(services: dict[str, dict[str, Any]], service: str) -> None:
    assert re.fullmatch(r"[\w/]+:v?\d+\.\d+[\w.-]*", services[service]["image"])


@pytest.mark.parametrize("service", sorted(OTHERS))
def test_others_have_health_checks(services: dict[str, dict[str, Any]], service: str) -> None:
    """Ours bring them with their images."""
    assert "CMD" == services[service]["healthcheck"]["test"][0]


@pytest.mark.parametrize("service", sorted({*OURS, *OTHERS} - {"postgres"}))
def test_none_has_more_rights_than_a_user(services: dict[str, dict[str, Any]], service: str) -> None:
    """PostgreSQL's image starts as root to give its volume to a user of its own."""
    found = services[service]
    assert (["ALL"], ["no-new-privileges:true"]) == (found["cap_drop"], found["security_opt"])
    assert {"privileged", "cap_add", "devices"}.isdisjoint(found)


@pytest.mark.parametrize("service", sorted(OURS))
def test_ours_write_nothing_but_their_volumes(services: dict[str, dict[str, Any]], service: str) -> None:
    assert services[service]["read_only"] is True
    written = [each["target"] for each in services[service]["volumes"] if not each.get("read_only")]
    assert ["/var/lib/autoprec"] == written


def test_ports_are_published_on_loopback_alone(services: dict[str, dict[str, Any]]) -> None:
    published = {name: [each["host_ip"] for each in found.get("ports", [])] for name, found in services.items()}
    assert {"service": ["127.0.0.1"], "grafana": ["127.0.0.1"]} == {name: at for name, at in published.items() if at}


def test_the_database_is_reached_by_the_service_alone(services: dict[str, dict[str, Any]]) -> None:
    assert {"service", "tokens", "postgres"} == {name for name, each in services.items() if "store" in each["networks"]}


def test_what_is_mounted_from_the_project_is_there_and_read_only(services: dict[str, dict[str, Any]]) -> None:
    mounts = [each for found in services.values() for each in found.get("volumes", []) if each["type"] == "bind"]
    assert 3 == len(mounts)
    assert all(each["read_only"] and Path(each["source"]).is_dir() for each in mounts)


@pytest.fixture
def secrets(root: Path, tmp_path: Path) -> Path:
    shutil.copy(root / "docker" / "secrets.sh", tmp_path)
    subprocess.run(["/bin/sh", tmp_path / "secrets.sh"], check=True)
    return tmp_path / "secrets"


def test_secrets_are_files_that_the_script_makes(project: dict[str, Any], secrets: Path) -> None:
    assert {Path(each["file"]).name for each in project["secrets"].values()} == {
        each.name for each in secrets.iterdir()
    }
    assert all(Path(each["file"]).parent.name == "secrets" for each in project["secrets"].values())


def test_others_cannot_enter_the_folder_of_secrets_which_no_commit_takes(root: Path, secrets: Path) -> None:
    assert 0o700 == stat.S_IMODE(secrets.stat().st_mode)
    assert "/docker/secrets/" in (root / ".gitignore").read_text().split()


def test_the_script_keeps_the_secrets_that_are_there(secrets: Path) -> None:
    before = {each.name: each.read_text() for each in secrets.iterdir()}
    subprocess.run(["/bin/sh", secrets.parent / "secrets.sh"], check=True)
    assert before == {each.name: each.read_text() for each in secrets.iterdir()}


def test_the_service_finds_the_database_and_its_token_in_its_secret(
    services: dict[str, dict[str, Any]], secrets: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = Path(services["service"]["environment"]["AUTOPREC_CONFIG"])
    assert Path("/run/secrets") == told.parent
    monkeypatch.delenv("AUTOPREC_DB", raising=False)
    monkeypatch.setenv("AUTOPREC_CONFIG", str(secrets / told.name))
    settings = Settings()
    place, database = make_url(str(settings.db)), services["postgres"]["environment"]
    assert ("postgres", database["POSTGRES_USER"], database["POSTGRES_DB"]) == (
        place.host,
        place.username,
        place.database,
    )
    assert (secrets / "postgres_password").read_text() == place.password
    assert 48 == len(*settings.admin_tokens())
