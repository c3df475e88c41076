"""`autoprec doctor`, and what an answer shows of its findings."""

import json
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from autoprec.findings import summary
from autoprec.recommendation import Recommendation
from autoprec_probe import Accelerator, Cpu, HardwareProfile, Software
from autoprec_runner.doctor.finding import Finding, Severity
from autoprec_runner.doctor.registry import rules
from autoprec_service.testing.factories import make_study, make_trial

Run = Callable[..., Any]

T4 = HardwareProfile(
    system="Linux",
    cpu=Cpu(architecture="x86_64"),
    accelerators=(Accelerator(kind="cuda", index=0, vendor="NVIDIA", name="Tesla T4", compute_capability=(7, 5)),),
    software=Software(python="3.11.0", packages={"torch": "2.9.0+cu128"}),
)


def finding(rule: str, severity: Severity, sentence: str = "A <sentence>.") -> Finding:
    return Finding(
        id=rule, severity=severity, found_by="static", sentence=sentence, remedy="Do it.", references=("https://x.y",)
    )


FINDINGS = (
    finding("a-warning", "warning", "Before."),
    finding("a-note", "note"),
    finding("a-warning", "warning", "Afterwards."),
    finding("an-error", "error"),
    finding("another-note", "note"),
)


def test_a_workload_is_examined_without_a_trial(autoprec_command: Run) -> None:
    done = autoprec_command("doctor", "factories.py:tiny", "--json")
    answer = json.loads(done.out)
    found = {each["id"]: each for each in answer["findings"]}
    assert (0, "") == (done.code, done.err)
    assert ("warning", ["16-true"]) == (
        found["adam-eps-underflows"]["severity"],
        found["adam-eps-underflows"]["candidates"],
    )
    assert answer["workload"].startswith("Sequential: Sequential, 676 parameters")


def test_an_error_about_a_named_candidate_is_told_by_the_exit_code(autoprec_command: Run) -> None:
    done = autoprec_command("doctor", "factories.py:tiny", "--candidates", "16-true")
    assert (4, "") == (done.code, done.err)
    assert "error adam-eps-underflows (16-true)\n  - AdamW's eps of 1e-08 is 0 in 16-true" in done.out
    assert [] == [line for line in done.out.splitlines() if len(line) > 80]


def test_what_is_sound_is_told_to_be(autoprec_command: Run, tmp_path: Path) -> None:
    (tmp_path / "t4.json").write_text(T4.model_dump_json())
    arguments = ("--candidates", "32-true", "--profile", str(tmp_path / "t4.json"))
    done = autoprec_command("doctor", "factories.py:tiny", *arguments)
    assert (0, "") == (done.code, done.err)
    assert "on nvidia-tesla-t4\nNothing found." in done.out


def test_another_machine_is_examined_by_its_profile(autoprec_command: Run, tmp_path: Path) -> None:
    (tmp_path / "t4.json").write_text(T4.model_dump_json())
    done = autoprec_command("doctor", "factories.py:tiny", "--profile", str(tmp_path / "t4.json"), "--json")
    answer = json.loads(done.out)
    assert ("nvidia-tesla-t4", True) == (
        answer["hardware_key"],
        "bf16-emulated" in {each["id"] for each in answer["findings"]},
    )


def test_what_probe_prints_is_a_profile(autoprec_command: Run, tmp_path: Path) -> None:
    (tmp_path / "here.json").write_text(autoprec_command("probe", "--json").out)
    done = autoprec_command("doctor", "factories.py:tiny", "--profile", str(tmp_path / "here.json"))
    assert (0, "") == (done.code, done.err)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "Give a WORKLOAD, --explain ID or --list, and one of them only."),
        (("factories.py:tiny", "--list"), "one of them only"),
        (("--explain", "adam"), "There is no rule 'adam'. Rules: adam-eps-underflows"),
        (("factories.py:tiny", "--profile", "factories.py"), "factories.py holds no hardware profile"),
        (("factories.py:tiny", "--profile", "missing.json"), "missing.json"),
        (("factories.py:tiny", "--device", "cuda"), "device='cuda' is not on this machine"),
        (("factories.py:tiny", "--candidates", "17-true"), "Unknown precision '17-true'"),
        (("factories.py:gone",), "gone"),
        (("factories.py:raising",), "no such checkpoint"),
        (("factories.py:ending",), "Loading the workload failed: The process ended by itself with exit code 3"),
        (("factories.py:misfit",), "The batch does not fit the model"),
        (("factories.py:tiny", "--seed", "-1"), "seed=-1"),
        (("factories.py:waiting", "--timeout", "1"), "Loading the workload did not end within 1.00 s."),
    ],
)
def test_a_call_that_cannot_be_honoured_is_told(
    autoprec_command: Run, tmp_path: Path, arguments: tuple[str, ...], message: str
) -> None:
    done = autoprec_command("doctor", *arguments, LOADING=str(tmp_path / "loading"))
    assert (2, "") == (done.code, done.out)
    assert message in " ".join(done.err.split())


def test_every_rule_is_listed_and_explained(autoprec_command: Run) -> None:
    listed = json.loads(autoprec_command("doctor", "--list", "--json").out)
    assert [each.id for each in rules()] == [each["id"] for each in listed]
    shown = autoprec_command("doctor", "--list")
    assert (0, []) == (shown.code, [each.id for each in rules() if each.id not in shown.out])
    explained = autoprec_command("doctor", "--explain", "no-float64")
    assert "What happens\nApple's GPUs have no float64: every such tensor is an error.\n" in explained.out
    assert listed[[each["id"] for each in listed].index("no-float64")] == json.loads(
        autoprec_command("doctor", "--explain", "no-float64", "--json").out,
    )


def test_the_help_documents_every_exit_code(autoprec_command: Run) -> None:
    shown = autoprec_command("doctor", "--help").out
    codes = [line.split()[0] for line in shown.partition("Exit codes:\n")[2].partition("\n\n")[0].splitlines()]
    assert ["0", "1", "2", "4", "130"] == [code for code in codes if code.isdigit()]


def test_errors_and_warnings_are_summed_up_once_a_rule_and_notes_are_counted() -> None:
    assert (
        "a-warning: Before. Do it.",
        "an-error: A <sentence>. Do it.",
        "Notes (autoprec doctor --explain ID): a-note, another-note.",
    ) == summary(FINDINGS)
    assert () == summary(())


def test_an_answer_shows_what_the_doctor_says(answer_of: Callable[..., Recommendation]) -> None:
    answer = answer_of(make_trial(), study=make_study(findings=FINDINGS))
    assert FINDINGS == answer.findings
    assert "What the doctor says\n  - a-warning: Before. Do it.\n" in str(answer.table())

    texts: list[str] = []
    reader = HTMLParser()
    reader.handle_data = texts.append  # type: ignore[assignment, method-assign]
    reader.feed(answer._repr_html_())
    assert {*summary(FINDINGS), "What the doctor says:"} <= set(texts)


def test_an_answer_without_findings_says_nothing_of_a_doctor(answer_of: Callable[..., Recommendation]) -> None:
    answer = answer_of(make_trial())
    assert ((), False, False) == (
        answer.findings,
        "doctor" in str(answer.table()),
        "doctor" in answer._repr_html_(),
    )
