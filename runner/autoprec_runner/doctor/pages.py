"""The rules as `docs/doctor.md` has them: `python -m autoprec_runner.doctor.pages` prints table and pages."""

import sys
import textwrap

from autoprec_runner.doctor.registry import Rule, found_by, rules

_WIDTH = 120
_WHERE = {"static": "before any trial", "trial": "in trials"}


def table() -> str:
    """Return a line for every rule, in Markdown."""
    lines = [f"| [{each.id}](#{each.id}) | {each.severity} | {_found(each)} | {each.happens} |" for each in rules()]
    return "\n".join(("| rule | severity | found | what happens |", "|---|---|---|---|", *lines))


def page(rule: Rule) -> str:
    """Return everything that is known of a rule, in Markdown."""
    paragraphs = (
        f"### {rule.id}",
        f"*{rule.severity}*, found {_found(rule)}",
        f"**What happens.** {rule.happens}",
        f"**Why.** {rule.why}",
        f"**How it is found.** {rule.found}",
        f"**What to do.** {rule.remedy}",
        f"**See** {', '.join(f'<{each}>' for each in rule.references)}",
    )
    return "\n\n".join(map(_wrapped, paragraphs))


def _found(rule: Rule) -> str:
    return " and ".join(_WHERE[each] for each in found_by(rule.id))


def _wrapped(paragraph: str) -> str:
    return textwrap.fill(paragraph, _WIDTH, break_long_words=False, break_on_hyphens=False)


if __name__ == "__main__":
    sys.stdout.write("\n\n".join((table(), *map(page, rules()))) + "\n")
