"""The agent on every node of a Kubernetes cluster."""

import json
from pathlib import Path
from typing import Any

import pytest

from autoprec import __version__
from autoprec_probe.agent.__main__ import USAGE, main
from autoprec_probe.agent.outbox import Bounds

yaml = pytest.importorskip("yaml")


@pytest.fixture
def daemonset(root: Path) -> dict[str, Any]:
    (document,) = yaml.safe_load_all((root / "docker" / "agent-daemonset.yaml").read_text())
    assert isinstance(document, dict)
    return document


@pytest.fixture
def pod(daemonset: dict[str, Any]) -> dict[str, Any]:
    spec = daemonset["spec"]["template"]["spec"]
    assert isinstance(spec, dict)
    return spec


@pytest.fixture
def container(pod: dict[str, Any]) -> dict[str, Any]:
    (only,) = pod["containers"]
    assert isinstance(only, dict)
    return only


def test_it_selects_its_own_pods(daemonset: dict[str, Any]) -> None:
    assert ("apps/v1", "DaemonSet") == (daemonset["apiVersion"], daemonset["kind"])
    assert daemonset["spec"]["selector"]["matchLabels"] == daemonset["spec"]["template"]["metadata"]["labels"]


def test_it_runs_on_every_node(pod: dict[str, Any]) -> None:
    assert ([{"operator": "Exists"}], {"kubernetes.io/os": "linux"}) == (pod["tolerations"], pod["nodeSelector"])


def test_it_is_named_after_its_node(container: dict[str, Any]) -> None:
    variables = {each["name"]: each for each in container["env"]}
    assert {"fieldRef": {"fieldPath": "spec.nodeName"}} == variables["AUTOPREC_NODE"]["valueFrom"]
    assert variables["AUTOPREC_URL"]["value"].startswith("http")


def test_it_is_bounded(container: dict[str, Any]) -> None:
    assert {"cpu": "200m", "memory": "128Mi"} == container["resources"]["limits"]


def test_it_may_do_nothing_but_read_and_report(pod: dict[str, Any], container: dict[str, Any]) -> None:
    assert {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    } == container["securityContext"]
    assert (True, 10001, 10001) == tuple(
        pod["securityContext"][key] for key in ("runAsNonRoot", "runAsUser", "fsGroup")
    )
    assert pod["automountServiceAccountToken"] is False


def test_its_token_is_a_secret_and_its_spool_a_volume(pod: dict[str, Any], container: dict[str, Any]) -> None:
    volumes = {each["name"]: each for each in pod["volumes"]}
    mounts = {each["name"]: each["mountPath"] for each in container["volumeMounts"]}
    assert {"spool": "/var/lib/autoprec", "token": "/run/secrets/autoprec"} == mounts
    assert ("autoprec-agent", 0o440) == (
        volumes["token"]["secret"]["secretName"],
        volumes["token"]["secret"]["defaultMode"],
    )
    assert "emptyDir" in volumes["spool"]


def test_the_volume_has_room_for_the_largest_spool(pod: dict[str, Any]) -> None:
    (size,) = [each["emptyDir"]["sizeLimit"] for each in pod["volumes"] if "emptyDir" in each]
    assert int(size.removesuffix("Mi")) << 20 > Bounds().spool_bytes


def test_its_image_is_of_this_version(container: dict[str, Any]) -> None:
    assert f"autoprec-agent:{__version__}" == container["image"]


def test_its_options_are_those_of_the_agent(
    container: dict[str, Any], tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AUTOPREC_URL", raising=False)
    (tmp_path / "token").write_text("a-token")
    arguments = [each.replace("/run/secrets/autoprec", str(tmp_path)) for each in container["args"]]
    assert USAGE == main(arguments)
    assert "AUTOPREC_URL" in capfd.readouterr().err


def test_it_is_alive_by_the_same_sign_as_its_image(root: Path, container: dict[str, Any]) -> None:
    *_, check = container["livenessProbe"]["exec"]["command"]
    assert f'CMD ["/bin/sh", "-c", {json.dumps(check)}]' in (root / "docker" / "agent.Dockerfile").read_text()
