"""An answer as it is printed."""

from collections.abc import Callable
from io import StringIO

import pytest
from rich.console import Console

from autoprec.recommendation import Recommendation
from autoprec_probe import Candidate
from autoprec_service.testing.factories import make_study, make_trial

LONG = Candidate.model_construct(precision="transformer-engine-float16", strategy="single", matmul_precision="medium")


def printed(answer: Recommendation, width: int) -> list[str]:
    console = Console(file=StringIO(), width=width, color_system=None)
    with console.capture() as written:
        console.print(answer.table())
    return written.get().splitlines()


def test_it_prints_as_its_precision(answer: Recommendation) -> None:
    assert "bf16-mixed" == str(answer) == f"{answer}"
    assert answer


def test_its_repr_is_short(answer: Recommendation) -> None:
    assert f"<Recommendation bf16-mixed: measured, confidence {answer.confidence:.2f}, on cpu-x86-2c>" == repr(answer)


def test_an_answer_that_recommends_nothing_is_falsy(answer_of: Callable[..., Recommendation]) -> None:
    nothing = answer_of()
    assert ("none", False, "<Recommendation none: >") == (str(nothing), bool(nothing), repr(nothing))
    assert "No precision can be recommended." == printed(nothing, 80)[0]


def test_the_gain_is_told(answer: Recommendation) -> None:
    assert answer.speedup is not None
    assert (2.0, 0.5) == (answer.speedup.value, answer.memory_ratio)


@pytest.mark.parametrize("width", [40, 80, 120])
def test_no_line_is_longer_than_the_terminal(answer: Recommendation, width: int) -> None:
    assert [] == [line for line in printed(answer, width) if len(line) > width]


@pytest.mark.parametrize("width", [80, 120])
def test_everything_is_there(answer: Recommendation, width: int) -> None:
    text = "\n".join(printed(answer, width))
    assert "Recommended precision: bf16-mixed\n" in text
    assert "bf16-mixed chosen 5.00 ms 2.0x (1.96-2.0) 512 MiB" in " ".join(text.split())
    assert "16-true: No <fp16> & [red]nothing[/] here. Use bf16-true." in text
    assert "Assumed of the workload\n  - The loss is <mean> squared error." in text
    assert "…" not in text


@pytest.mark.parametrize("width", [80, 120])
def test_a_long_name_never_costs_a_figure(answer_of: Callable[..., Recommendation], width: int) -> None:
    long = make_trial("bf16-mixed", seconds=0.5).model_copy(update={"candidate": LONG})
    lines = printed(answer_of(make_trial(seconds=123.0), long), width)
    assert [] == [line for line in lines if len(line) > width or "…" in line]
    assert any("500 ms" in line and "1.00 GiB" in line for line in lines)


def test_candidates_with_the_same_note_share_it(answer_of: Callable[..., Recommendation]) -> None:
    refused = [
        make_trial(name, phase="screen", status="timeout", seconds=None, memory=None, verdict=None, reason="Not tried.")
        for name in ("bf16-true", "16-true")
    ]
    assert "  - bf16-true and 16-true: Not tried." in printed(answer_of(make_trial(), *refused), 80)


def test_of_a_traceback_the_sentence_and_the_remedy_are_shown(answer_of: Callable[..., Recommendation]) -> None:
    failed = make_trial("bf16-true", status="error", reason="It failed.\nTraceback:\n  deep", remedy="Mend it.")
    assert "  - bf16-true: It failed. Mend it." in printed(answer_of(make_trial(), failed), 80)


def test_an_interrupted_study_says_what_was_not_tried(answer_of: Callable[..., Recommendation]) -> None:
    answer = answer_of(make_trial(), study=make_study(), interrupted=True)
    text = "\n".join(printed(answer, 80))
    assert "interrupted: best so far" in text
    assert "Not tried yet: bf16-mixed. Ask again to go on." in text


def test_the_table_prints_without_rich(answer: Recommendation, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    assert printed(answer, 80) == str(answer.table()).splitlines()


def test_rich_prints_an_answer_as_its_table(answer: Recommendation) -> None:
    console = Console(file=StringIO(), width=80, color_system=None)
    with console.capture() as written:
        console.print(answer)
    assert printed(answer, 80) == written.get().splitlines()
