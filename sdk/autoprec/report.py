"""A recommendation as it looks in a terminal."""

from collections.abc import Iterator
from io import StringIO

from rich.console import Console, ConsoleOptions, RenderableType
from rich.jupyter import JupyterMixin
from rich.table import Table
from rich.text import Text

from autoprec.findings import summary
from autoprec.paragraph import Paragraph
from autoprec.recommendation import Recommendation
from autoprec.rows import LEGEND, Row, headings, is_marked, notes, rows
from autoprec_service.formatting import listed

_RIGHT = {"step time", "memory"}


class Report(JupyterMixin):
    """The answer, its reasons, all candidates, why not the others, what the doctor says, and what was assumed."""

    def __init__(self, recommendation: Recommendation) -> None:
        self._recommendation = recommendation

    def __str__(self) -> str:
        """Return the report as plain text, as wide as the terminal."""
        console = Console(file=StringIO(), color_system=None)
        with console.capture() as written:
            console.print(self)
        return written.get().rstrip("\n")

    def __rich_console__(self, _console: Console, _options: ConsoleOptions) -> Iterator[RenderableType]:
        """Return the parts, for rich to print."""
        recommendation = self._recommendation
        found = rows(recommendation)
        yield from _headline(recommendation)
        yield from (Paragraph(Text(reason)) for reason in recommendation.reasons)
        if recommendation.interrupted and recommendation.untried:
            names = listed([str(each) for each in recommendation.untried])
            yield Paragraph(Text(f"Not tried yet: {names}. Ask again to go on."))
        if found:
            yield from (Text(), _table(found, headings(recommendation)))
        if is_marked(recommendation):
            yield Text(LEGEND, style="dim")
        if why := notes(found):
            yield from (Text(), Text("Why not the others", style="bold"))
            yield from (Paragraph(Text.assemble((listed(names), "bold"), f": {note}")) for note, names in why.items())
        if told := summary(recommendation.findings):
            yield from (Text(), Text("What the doctor says", style="bold"))
            yield from (Paragraph(Text(each)) for each in told)
        if recommendation.assumptions:
            yield from (Text(), Text("Assumed of the workload", style="bold"))
            yield from (Paragraph(Text(each, style="dim")) for each in recommendation.assumptions)


def _headline(recommendation: Recommendation) -> Iterator[Text]:
    if recommendation.precision is None:
        yield Text("No precision can be recommended.", style="bold red")
    else:
        yield Text.assemble(("Recommended precision: ", "bold"), (str(recommendation.candidate), "bold green"))
    if recommendation.circumstances:
        yield Text(", ".join(recommendation.circumstances), style="dim")


def _table(found: list[Row], titles: tuple[str, ...]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in titles:
        # A candidate's name wraps where the terminal is narrow; a figure never does.
        is_name = heading == "candidate"
        table.add_column(heading, justify="right" if heading in _RIGHT else "left", no_wrap=not is_name)
    for row in found:
        table.add_row(*(Text(cell) for cell in row.cells), style=_style(row))
    return table


def _style(row: Row) -> str:
    return "bold green" if row.chosen else "" if row.qualifies else "dim"
