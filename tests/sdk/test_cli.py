"""The command line as a whole: help, exit codes, JSON, pipes."""

import json
import subprocess
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from autoprec import __version__
from autoprec.cli import main
from autoprec.recommendation import Recommendation
from autoprec_probe import known_precisions
from autoprec_runner.errors import TrialError
from autoprec_service.testing.factories import make_trial

Answers = Callable[..., Recommendation]
COMMANDS = ("probe", "precisions", "suggest", "doctor", "trials", "export", "import")


@pytest.fixture
def suggested(monkeypatch: pytest.MonkeyPatch) -> Callable[[Any], None]:
    """Let `autoprec suggest` get a given answer, or a given error, without a study."""

    def let(answer: Any) -> None:
        def suggest(*_: Any, **__: Any) -> Recommendation:
            if isinstance(answer, BaseException):
                raise answer
            assert isinstance(answer, Recommendation)
            return answer

        monkeypatch.setattr("autoprec.cli.suggest.suggest", suggest)

    return let


@pytest.mark.parametrize("arguments", [[], ["--help"], ["-h"]])
def test_help_lists_the_commands(capfd: pytest.CaptureFixture[str], arguments: list[str]) -> None:
    assert 0 == main(arguments)
    shown = capfd.readouterr()
    assert ("", []) == (
        shown.err,
        [name for name in (*COMMANDS, "run", "serve", "agent") if f"  {name} " not in shown.out],
    )


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_that_answers_has_help_and_json(capfd: pytest.CaptureFixture[str], command: str) -> None:
    assert 0 == main([command, "--help"])
    assert "--json" in capfd.readouterr().out


def test_the_version(capfd: pytest.CaptureFixture[str]) -> None:
    assert 0 == main(["--version"])
    assert f"autoprec, version {__version__}\n" == capfd.readouterr().out


def test_the_help_of_suggest_documents_every_exit_code(capfd: pytest.CaptureFixture[str]) -> None:
    main(["suggest", "--help"])
    shown = capfd.readouterr().out
    codes = [line.split()[0] for line in shown.partition("Exit codes:\n")[2].partition("\n\n")[0].splitlines()]
    assert ["0", "1", "2", "3", "130"] == codes


def test_probe_tells_the_hardware_key(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    assert 0 == main(["probe", "--json"])
    profile = json.loads(capfd.readouterr().out)
    assert 0 == main(["probe"])
    shown = capfd.readouterr().out
    assert profile["system"]
    assert shown.startswith("hardware key ")
    assert [] == [line for line in shown.splitlines() if len(line) > 80]


def test_precisions_are_judged_under_a_strategy(capfd: pytest.CaptureFixture[str]) -> None:
    assert 0 == main(["precisions", "--strategy", "fsdp", "--json"])
    verdicts = {each["candidate"]["precision"]: each for each in json.loads(capfd.readouterr().out)}
    assert ("native", "unsupported") == (verdicts["32-true"]["level"], verdicts["64-true"]["level"])


def test_precisions_judges_every_string(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    assert 0 == main(["precisions", "--json"])
    verdicts = json.loads(capfd.readouterr().out)
    assert list(known_precisions()) == [each["candidate"]["precision"] for each in verdicts]
    assert all(each["reason"] for each in verdicts)
    assert 0 == main(["precisions"])
    shown = capfd.readouterr().out
    assert [] == [name for name in known_precisions() if name not in shown]
    assert [] == [line for line in shown.splitlines() if len(line) > 80]


def test_an_empty_store_has_no_trials(capfd: pytest.CaptureFixture[str]) -> None:
    assert (0, 0) == (main(["trials"]), main(["trials", "--json"]))
    shown = capfd.readouterr()
    assert ([], True) == (json.loads(shown.out), "autoprec suggest WORKLOAD" in shown.err)


def test_the_json_of_trials_spells_out_what_json_does_not_have(
    capfd: pytest.CaptureFixture[str], suggested: Callable[[Any], None], answer_of: Answers
) -> None:
    suggested(answer_of(make_trial(losses=(float("nan"), float("inf")))))
    assert 0 == main(["suggest", "any.py:thing", "--json"])
    told = json.loads(capfd.readouterr().out, parse_constant=pytest.fail)
    assert ["NaN", "Infinity"] == told["trials"][0]["losses"]


def test_no_qualifying_candidate_is_exit_code_3(
    capfd: pytest.CaptureFixture[str], suggested: Callable[[Any], None], answer_of: Answers
) -> None:
    suggested(answer_of(make_trial(verdict="unstable"), interrupted=True))
    assert (3, 3) == (main(["suggest", "any.py:thing"]), main(["suggest", "any.py:thing", "--quiet"]))
    assert capfd.readouterr().out.startswith("No precision can be recommended.")


@pytest.mark.parametrize("screened", [True, False])
def test_interrupted_before_anything_was_measured_is_exit_code_130(
    capfd: pytest.CaptureFixture[str], suggested: Callable[[Any], None], answer_of: Answers, *, screened: bool
) -> None:
    refused = make_trial("16-true", phase="screen", status="unsupported", seconds=None, memory=None, verdict=None)
    suggested(answer_of(*([refused] if screened else []), interrupted=True))
    assert 130 == main(["suggest", "any.py:thing", "--json"])
    shown = capfd.readouterr()
    assert ("", "Interrupted before anything was measured.") == (shown.out, shown.err.strip())


def test_interrupted_while_loading_is_exit_code_130(suggested: Callable[[Any], None]) -> None:
    suggested(KeyboardInterrupt())
    assert 130 == main(["suggest", "any.py:thing"])


def test_a_failure_of_the_surroundings_is_exit_code_1(
    capfd: pytest.CaptureFixture[str], suggested: Callable[[Any], None]
) -> None:
    suggested(TrialError("The fork server is gone."))
    assert 1 == main(["suggest", "any.py:thing"])
    assert "Error: The fork server is gone.\n" == capfd.readouterr().err


def test_a_defect_keeps_its_traceback(suggested: Callable[[Any], None]) -> None:
    suggested(RuntimeError("a defect"))
    with pytest.raises(RuntimeError, match="a defect"):
        main(["suggest", "any.py:thing"])


def test_what_the_machine_calls_itself_is_never_taken_for_markup(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    import autoprec.cli.probe as command  # noqa: PLC0415 (its names are changed here)

    facts = [("processor", "[bold]Fast[/bold] [/]")]
    monkeypatch.setattr(command, "chosen_profile", lambda *_: SimpleNamespace())
    monkeypatch.setattr(command, "_facts", lambda _: facts)
    assert 0 == main(["probe"])
    assert "processor  [bold]Fast[/bold] [/]" == capfd.readouterr().out.rstrip()


@pytest.mark.parametrize("arguments", [["probe"], ["precisions"], ["trials", "--json"], ["export", "-"], ["--help"]])
def test_a_reader_that_closes_the_pipe_early_is_no_traceback(
    command: list[str], environment: dict[str, str], asked: Any, arguments: list[str]
) -> None:
    assert 0 == asked.code
    with subprocess.Popen(
        [*command, *arguments], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        told = process.stderr.read()
    assert (1, "") == (process.returncode, told)
