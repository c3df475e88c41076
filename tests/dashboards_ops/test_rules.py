"""Prometheus' configuration and alert rules, as promtool sees them."""

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

yaml = pytest.importorskip("yaml")

PROMTOOL = shutil.which("promtool")
pytestmark = pytest.mark.skipif(PROMTOOL is None, reason="requires promtool: apt-get install prometheus")


def promtool(*arguments: str | Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([PROMTOOL or "", *arguments], capture_output=True, text=True, check=False)


def test_it_accepts_the_configuration(folder: Path, tmp_path: Path) -> None:
    # The token is made by whoever starts the service.
    (tmp_path / "token").write_text("a-token")
    shutil.copytree(folder / "prometheus", tmp_path / "prometheus")
    configuration = tmp_path / "prometheus" / "prometheus.yml"
    configuration.write_text(configuration.read_text().replace("/run/tokens/prometheus", str(tmp_path / "token")))
    done = promtool("check", "config", configuration)
    assert (0, "") == (done.returncode, done.stderr)
    assert "1 rule files found" in done.stdout


def test_the_rules_fire_when_they_should_and_not_otherwise(folder: Path) -> None:
    done = promtool("test", "rules", folder / "prometheus" / "alerts_test.yml")
    assert 0 == done.returncode, done.stdout + done.stderr


def rules(folder: Path) -> list[dict[str, Any]]:
    groups = yaml.safe_load((folder / "prometheus" / "alerts.yml").read_text())["groups"]
    return [rule for group in groups for rule in group["rules"]]


def test_every_rule_was_seen_to_fire_and_to_be_quiet(folder: Path) -> None:
    quiet: set[str] = set()
    fired: set[str] = set()
    for case in yaml.safe_load((folder / "prometheus" / "alerts_test.yml").read_text())["tests"]:
        for each in case["alert_rule_test"]:
            (fired if each.get("exp_alerts") else quiet).add(each["alertname"])
    assert [{each["alert"] for each in rules(folder)}] * 2 == [quiet, fired]


def test_every_rule_says_how_bad_it_is_and_what_to_do(folder: Path) -> None:
    for rule in rules(folder):
        labels, annotations = rule["labels"], rule["annotations"]
        assert labels["severity"] in {"critical", "warning", "info"}
        assert annotations["summary"]
        assert annotations["action"].endswith(".")


def test_the_docs_list_every_rule_with_its_severity(folder: Path) -> None:
    text = (folder.parent / "docs" / "deploy.md").read_text()
    listed = re.findall(r"^\| `(\w+)` \| (\w+) \|", text, re.MULTILINE)
    assert [(each["alert"], each["labels"]["severity"]) for each in rules(folder)] == listed
