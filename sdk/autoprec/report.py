"""A recommendation as it looks in a terminal."""

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from autoprec.recommendation import Recommendation
from autoprec.rows import HEADINGS, Row, rows


def report(recommendation: Recommendation) -> RenderableType:
    """Return the answer, its reasons and assumptions, all candidates, and why the others were not chosen."""
    found = rows(recommendation)
    return Group(_headline(recommendation), *_sentences(recommendation), Text(), _table(found), Text(), _notes(found))


def _headline(recommendation: Recommendation) -> Text:
    if recommendation.precision is None:
        return Text("No precision can be recommended.", style="bold red")
    headline = Text.assemble(("Recommended precision: ", "bold"), (str(recommendation.candidate), "bold green"))
    details = [
        str(recommendation.basis),
        f"confidence {recommendation.confidence:.2f}",
        str(recommendation.hardware_key),
    ]
    if recommendation.remembered:
        details.append("from earlier trials")
    if recommendation.interrupted:
        details.append("interrupted: best so far")
    return headline.append(f"  ({', '.join(details)})", style="dim")


def _sentences(recommendation: Recommendation) -> list[Padding]:
    said = [_item(Text(reason)) for reason in recommendation.reasons]
    assumed = [_item(Text(f"Assumed: {assumption}", style="dim")) for assumption in recommendation.assumptions]
    return said + assumed


def _item(text: Text) -> Padding:
    return Padding(text, (0, 0, 0, 2))


def _table(found: list[Row]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in HEADINGS:
        right = heading in {"step time", "memory"}
        table.add_column(heading, justify="right" if right else "left", no_wrap=True)
    for row in found:
        table.add_row(*(Text(cell) for cell in row.cells), style=_style(row))
    return table


def _notes(found: list[Row]) -> Table:
    notes = Table(box=None, pad_edge=False, show_header=False)
    notes.add_column(no_wrap=True)
    notes.add_column(overflow="fold")
    for row in found:
        if row.note:
            notes.add_row(Text(row.cells[0]), Text(row.note), style=_style(row))
    return notes


def _style(row: Row) -> str:
    return "bold green" if row.chosen else "" if row.qualifies else "dim"
