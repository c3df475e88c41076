"""What the doctor says, in short: below an answer there is room for what may go wrong, not for every note."""

from collections.abc import Sequence

from autoprec_runner.doctor.finding import Finding


def summary(findings: Sequence[Finding]) -> tuple[str, ...]:
    """Return a sentence for each rule with an error or a warning, and one that counts the notes.

    Where several findings are of one rule, the first, which comes from before the trials, stands for all.
    """
    first = {each.id: each for each in reversed(findings) if each.severity != "note"}
    told = [f"{each.id}: {each.sentence} {each.remedy}" for each in reversed(first.values())]
    notes = {each.id for each in findings if each.severity == "note"}
    if notes:
        told.append(f"Notes (autoprec doctor --explain ID): {', '.join(sorted(notes))}.")
    return tuple(told)
