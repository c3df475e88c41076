"""A recommendation as it looks in a notebook. Everything that comes from outside is escaped."""

from html import escape

from autoprec.recommendation import Recommendation
from autoprec.rows import HEADINGS, Row, rows

_CELL = "style='text-align:left;vertical-align:top;padding:2px 8px'"


def page(recommendation: Recommendation) -> str:
    """Return the answer, its reasons and all candidates as a fragment of HTML."""
    said = "".join(f"<li>{escape(reason)}</li>" for reason in recommendation.reasons)
    assumed = "".join(f"<li><i>Assumed: {escape(each)}</i></li>" for each in recommendation.assumptions)
    heads = "".join(f"<th {_CELL}>{heading}</th>" for heading in (*HEADINGS, "why"))
    body = "".join(_row(row) for row in rows(recommendation))
    return (
        f"<div>{_headline(recommendation)}<ul>{said}{assumed}</ul>"
        f"<table><thead><tr>{heads}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def _headline(recommendation: Recommendation) -> str:
    if recommendation.precision is None:
        return "<p><b>No precision can be recommended.</b></p>"
    return (
        f"<p>Recommended precision: <b><code>{escape(str(recommendation.candidate))}</code></b> "
        f"({escape(str(recommendation.basis))}, confidence {recommendation.confidence:.2f}, "
        f"{escape(str(recommendation.hardware_key))})</p>"
    )


def _row(row: Row) -> str:
    weight = "bold" if row.chosen else "normal"
    opacity = 1 if row.qualifies else 0.6
    cells = "".join(f"<td {_CELL}>{escape(cell)}</td>" for cell in (*row.cells, row.note))
    return f"<tr style='font-weight:{weight};opacity:{opacity}'>{cells}</tr>"
