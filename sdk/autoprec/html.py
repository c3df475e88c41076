"""A recommendation as it looks in a notebook. Everything that comes from outside is escaped.

No colour is set, so that it can be read on a light and on a dark page alike.
"""

from html import escape

from autoprec.findings import summary
from autoprec.recommendation import Recommendation
from autoprec.rows import LEGEND, Row, headings, is_marked, rows

_CELL = "style='text-align:left;vertical-align:top;padding:2px 8px'"


def page(recommendation: Recommendation) -> str:
    """Return the answer, its reasons and all candidates as a fragment of HTML."""
    assumed = (
        f"<p>Assumed of the workload:</p>{_list(recommendation.assumptions)}" if recommendation.assumptions else ""
    )
    legend = f"<p>{escape(LEGEND)}</p>" if is_marked(recommendation) else ""
    told = summary(recommendation.findings)
    found = f"<p>What the doctor says:</p>{_list(told)}" if told else ""
    return (
        f"<div style='overflow-x:auto'>{_headline(recommendation)}{_list(recommendation.reasons)}"
        f"{_table(rows(recommendation), headings(recommendation))}{legend}{found}{assumed}</div>"
    )


def _list(sentences: tuple[str, ...]) -> str:
    return f"<ul>{''.join(f'<li>{escape(each)}</li>' for each in sentences)}</ul>"


def _headline(recommendation: Recommendation) -> str:
    details = escape(", ".join(recommendation.circumstances))
    if recommendation.precision is None:
        return f"<p><b>No precision can be recommended.</b> {details}</p>"
    return f"<p>Recommended precision: <b><code>{escape(str(recommendation.candidate))}</code></b> ({details})</p>"


def _table(found: list[Row], titles: tuple[str, ...]) -> str:
    if not found:
        return ""
    heads = "".join(f"<th {_CELL}>{heading}</th>" for heading in (*titles, "why not"))
    body = "".join(_row(row) for row in found)
    return f"<table><thead><tr>{heads}</tr></thead><tbody>{body}</tbody></table>"


def _row(row: Row) -> str:
    weight = "bold" if row.chosen else "normal"
    opacity = 1 if row.qualifies else 0.65
    cells = "".join(f"<td {_CELL}>{escape(cell)}</td>" for cell in (*row.cells, row.note))
    return f"<tr style='font-weight:{weight};opacity:{opacity}'>{cells}</tr>"
