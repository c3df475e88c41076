"""The page of a rule as text: for `autoprec doctor --explain`, and for `docs/doctor.md`, where it is Markdown.

`python -m autoprec_runner.doctor.pages` prints all pages, for the documentation.
"""

import sys

from autoprec_runner.doctor.registry import Rule, found_by, rules

_WHERE = {"static": "before any trial", "trial": "in trials"}


def page(rule: Rule) -> str:
    """Return everything that is known of a rule: what happens, why, how it is found, what to do, references."""
    where = " and ".join(_WHERE[each] for each in found_by(rule.id))
    return "\n\n".join(
        (
            f"### {rule.id}",
            f"{rule.severity}, found {where}",
            f"**What happens.** {rule.happens}",
            f"**Why.** {rule.why}",
            f"**How it is found.** {rule.found}",
            f"**What to do.** {rule.remedy}",
            f"**See** {', '.join(f'<{each}>' for each in rule.references)}",
        ),
    )


if __name__ == "__main__":
    sys.stdout.write("\n\n".join(page(each) for each in rules()) + "\n")
