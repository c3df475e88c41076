"""How a study shows that it is alive."""

import sys
from io import StringIO
from types import SimpleNamespace

import pytest

from autoprec.progress import NotebookProgress, TerminalProgress, choose_progress
from autoprec_probe import Candidate
from autoprec_runner.doctor.finding import Finding, Severity
from autoprec_runner.search.budget import Budget
from autoprec_runner.search.progress import Progress
from autoprec_service.testing.factories import make_trial


class Terminal(StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


class ZMQInteractiveShell:
    """Called like the shell of a Jupyter kernel."""

    config: dict[str, str] = {}  # noqa: RUF012 (tqdm looks it up)


class HostedShell(ZMQInteractiveShell):
    """Derived from it, as hosted notebooks do."""


def in_a_notebook(monkeypatch: pytest.MonkeyPatch, shell: object) -> None:
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: shell))


def finding(severity: Severity) -> Finding:
    sentence = f"A {severity} of [this] workload."
    return Finding(
        id="a-rule", severity=severity, found_by="static", sentence=sentence, remedy="R.", references=("https://x.y",)
    )


def run(progress: Progress) -> None:
    """Tell a display what a study tells."""
    progress.start(Budget(60.0))
    progress.found(finding("warning"))
    progress.found(finding("note"))
    progress.phase("sprint")
    progress.trying(Candidate(precision="bf16-mixed"))
    progress.finished(make_trial("bf16-mixed", seconds=0.005, phase="sprint"))
    progress.finished(make_trial("16-true", status="error", reason="It [failed] here.\nTraceback\n" + "x" * 200))
    progress.stop()


@pytest.mark.parametrize(("wanted", "terminal"), [(False, True), (False, False), (True, False)])
def test_it_is_silent_where_nobody_looks(monkeypatch: pytest.MonkeyPatch, *, wanted: bool, terminal: bool) -> None:
    stream = Terminal() if terminal else StringIO()
    monkeypatch.setattr(sys, "stderr", stream)
    chosen = choose_progress(wanted=wanted)
    run(chosen)
    assert (Progress, "") == (type(chosen), stream.getvalue())


def test_a_terminal_shows_phase_candidate_time_left_and_each_trial(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = Terminal()
    monkeypatch.setattr(sys, "stderr", stream)
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("TERM", "xterm")
    chosen = choose_progress(wanted=True)
    run(chosen)
    shown = stream.getvalue()
    assert isinstance(chosen, TerminalProgress)
    assert "sprint: bf16-mixed" in shown
    assert "s left" in shown
    assert "  sprint  bf16-mixed               ok          5.00 ms a step" in shown
    assert "It [failed] here." in shown
    assert "  doctor  a-rule                   warning     A warning of [this] workload." in shown
    assert "A note" not in shown
    assert "Traceback" not in shown


@pytest.mark.parametrize("shell", [ZMQInteractiveShell(), HostedShell()])
def test_a_notebook_shows_them_with_tqdm(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], shell: object
) -> None:
    in_a_notebook(monkeypatch, shell)
    chosen = choose_progress(wanted=True)
    run(chosen)
    shown = capfd.readouterr()
    assert isinstance(chosen, NotebookProgress)
    assert "sprint: bf16-mixed" in shown.err + shown.out
    assert "s left" in shown.err + shown.out


def test_ipython_in_a_terminal_is_no_notebook(monkeypatch: pytest.MonkeyPatch) -> None:
    in_a_notebook(monkeypatch, object())
    monkeypatch.setattr(sys, "stderr", Terminal())
    assert isinstance(choose_progress(wanted=True), TerminalProgress)


def test_a_terminal_draws_seldom() -> None:
    progress = TerminalProgress()
    progress.start(Budget(60.0))
    progress.stop()
    assert 2 == progress._bar.live.refresh_per_second
