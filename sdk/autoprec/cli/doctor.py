"""`autoprec doctor`: what is known to go wrong with a workload, before any trial."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import get_args

import click
from pydantic import ValidationError
from rich.console import Console
from rich.table import Table
from rich.text import Text

from autoprec.arguments import check_seed, chosen_candidates, chosen_device
from autoprec.cli import options
from autoprec.cli.main import ERROR_FOUND
from autoprec.machine import this_machine
from autoprec.paragraph import Paragraph
from autoprec_probe import HardwareProfile
from autoprec_probe.candidate import Strategy
from autoprec_runner.doctor.checkup import Checkup, check_up
from autoprec_runner.doctor.finding import Finding
from autoprec_runner.doctor.registry import Rule, found_by, rule, rules
from autoprec_runner.search.question import Question
from autoprec_runner.trial import Mode
from autoprec_runner.workload.factory import FactorySource

_STYLES = {"error": "bold red", "warning": "yellow", "note": "dim"}


@click.command("doctor")
@click.argument("workload", required=False)
@click.option("--explain", metavar="ID", help="Tell all about one rule; needs no workload.")
@click.option("--list", "list_all", is_flag=True, help="List every rule; needs no workload.")
@click.option("--mode", type=click.Choice(get_args(Mode)), help="Default: what the workload says, else train.")
@click.option("--candidates", metavar="P,P,…", help="Precisions to look at. Default: all that make sense.")
@options.strategy
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda, …")
@click.option(
    "--profile",
    type=click.Path(path_type=Path, exists=True, dir_okay=False, allow_dash=True),
    help="Another machine than this one: what `autoprec probe --json` printed there.",
)
@click.option("--timeout", type=click.FloatRange(min=1), default=60.0, show_default=True, help="Seconds to load it in.")
@click.option("--seed", type=int, default=0, show_default=True)
@options.as_json
def doctor_command(
    *,
    workload: str | None,
    explain: str | None,
    list_all: bool,
    mode: Mode | None,
    candidates: str | None,
    strategy: Strategy,
    device: str,
    profile: Path | None,
    timeout: float,
    seed: int,
    as_json: bool,
) -> int:
    """Say what is known to go wrong with WORKLOAD, given as file.py:factory or package.module:factory, on this machine.

    The workload is loaded in a child process and described; no trial is run. An error about a candidate that was not
    named with --candidates counts as a warning, since a study finds its way around it.

    \b
    Exit codes:
      0    no error found; there may be warnings and notes
      1    a failure of autoprec or its surroundings
      2    the call cannot be honoured as given, or the workload makes no step
      4    at least one error found
      130  interrupted
    """  # noqa: D301 (\b is click's mark for lines to be left as they are)
    if sum((workload is not None, explain is not None, list_all)) != 1:
        raise click.UsageError("Give a WORKLOAD, --explain ID or --list, and one of them only.")
    if explain is not None:
        _explain(rule(explain), as_json=as_json)
        return 0
    if workload is None:
        _list(rules(), as_json=as_json)
        return 0
    check_seed(seed)
    machine = this_machine() if profile is None else _profile(profile)
    names = None if candidates is None else [each.strip() for each in candidates.split(",")]
    question = Question(
        source=FactorySource(workload).to_json(),
        profile=machine,
        device=chosen_device(device, machine),
        mode=mode,
        strategy=strategy,
        candidates=chosen_candidates(names, strategy),
        budget_seconds=timeout,
        seed=seed,
    )
    checkup = check_up(question)
    _show(checkup, question, as_json=as_json)
    return ERROR_FOUND if any(each.severity == "error" for each in checkup.findings) else 0


def _profile(file: Path) -> HardwareProfile:
    try:
        with click.open_file(str(file), encoding="utf-8") as opened:
            return HardwareProfile.model_validate_json(opened.read())
    except (ValidationError, UnicodeDecodeError) as error:
        raise click.UsageError(
            f"{file} holds no hardware profile. Give a file that `autoprec probe --json` has written.",
        ) from error


def _show(checkup: Checkup, question: Question, *, as_json: bool) -> None:
    if as_json:
        answer = {
            "workload": checkup.prepared.description,
            "hardware_key": question.profile.key_for(question.device),
            "candidates": [str(each) for each in checkup.candidates],
            "findings": [each.model_dump(mode="json") for each in checkup.findings],
        }
        click.echo(json.dumps(answer, indent=2))
        return
    console = Console()
    console.print(Text(checkup.prepared.description, style="dim"))
    console.print(Text(f"on {question.profile.key_for(question.device)}", style="dim"))
    if not checkup.findings:
        console.print(Text("Nothing found. A study may still find something: autoprec suggest WORKLOAD"))
    for each in checkup.findings:
        _show_finding(console, each)


def _show_finding(console: Console, finding: Finding) -> None:
    about = f" ({', '.join(finding.candidates)})" if finding.candidates else ""
    console.print()
    console.print(Text.assemble((finding.severity, _STYLES[finding.severity]), " ", (finding.id, "bold"), about))
    for line in (finding.sentence, finding.remedy):
        console.print(Paragraph(Text(line)))


def _list(found: Sequence[Rule], *, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps([_fields(each) for each in found], indent=2))
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("rule", "severity", "found by", "what happens"):
        table.add_column(heading, overflow="fold", no_wrap=heading != "what happens")
    for each in found:
        style = _STYLES[each.severity]
        table.add_row(each.id, Text(each.severity, style=style), ", ".join(found_by(each.id)), Text(each.happens))
    Console().print(table)


def _explain(found: Rule, *, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(_fields(found), indent=2))
        return
    console = Console()
    console.print(Text.assemble((found.id, "bold"), ": ", (found.severity, _STYLES[found.severity])))
    told = (
        ("What happens", found.happens),
        ("Why", found.why),
        ("How it is found", f"{found.found} ({', '.join(found_by(found.id))})"),
        ("What to do", found.remedy),
        ("See", "\n".join(found.references)),
    )
    for heading, text in told:
        console.print()
        console.print(Text(heading, style="bold"))
        console.print(Text(text), overflow="fold")


def _fields(found: Rule) -> dict[str, object]:
    return {
        "id": found.id,
        "severity": found.severity,
        "found_by": found_by(found.id),
        "happens": found.happens,
        "why": found.why,
        "found": found.found,
        "remedy": found.remedy,
        "references": found.references,
    }
