"""Why nothing can be recommended, and the ways out, in full sentences."""

from collections import Counter
from collections.abc import Iterator

from autoprec_service.formatting import counted, size
from autoprec_service.policy.field import Field
from autoprec_service.policy.reasons import unstable_because

_WORDS = {
    "ok": "beyond max_memory",
    "oom": "out of memory",
    "timeout": "cut off",
    "error": "failed with an error",
}


def refusal_reasons(field: Field) -> tuple[str, ...]:
    """Return why nothing in the field can be recommended, then what can be done about it."""
    if not field.evidences:
        return ("There is no trial of this workload on this machine.", "Run a study of it, for example by suggest().")
    return (*_causes(field), *_ways_out(field))


def _causes(field: Field) -> Iterator[str]:
    reference = field.reference
    if reference is None:
        yield "32-true was not tried, so nothing could be judged beside it."
    elif reference.is_unstable:
        yield f"{reference.name} is itself unstable on this workload: {unstable_because(reference)}"
    elif reference.trial.status != "ok":
        yield f"{reference.name} did not run, so nothing could be judged beside it: {reference.trial.reason}"
    if field.qualified:
        yield _unmeasured(field)
    else:
        yield f"None of {counted(len(field.evidences), 'candidate')} qualifies: {_tally(field)}."


def _unmeasured(field: Field) -> str:
    if field.objective == "energy" and not any(each.energy for each in field.evidences):
        return "No trial has measured energy, and no other figure stands in for it."
    if field.objective == "time-to-loss":
        return "How fast the loss falls could not be told: only training has one, and it must fall beyond its scatter."
    return f"No candidate that qualifies has the figures that the objective {field.objective!r} asks for."


def _tally(field: Field) -> str:
    words = Counter(_WORDS.get(each.status, each.status) for each in field.rejected)
    if field.unverified:
        words["not verified"] = len(field.unverified)
    return ", ".join(f"{number} {word}" for word, number in words.items())


def _ways_out(field: Field) -> Iterator[str]:
    if field.qualified:
        yield "Ask for another objective: throughput, memory or balanced."
        return
    statuses = {each.status for each in field.rejected}
    if field.reference_is_unstable:
        yield "Lower the learning rate, look for bad values in the data, or try 64-true."
    elif "unstable" in statuses:
        yield "Accept a larger tolerance, or include 32-true in the candidates."
    if field.unverified or "timeout" in statuses:
        yield "Give the study a larger budget, so that candidates can be verified."
    if statuses & {"oom", "ok"}:
        yield _smaller(field)
    if statuses & {"crashed", "error", "unsupported"}:
        yield "See the remedy of each rejected candidate."


def _smaller(field: Field) -> str:
    peaks = (each.peak_memory_bytes for each in field.evidences if each.is_sound)
    needs = [peak for peak in peaks if peak is not None]
    if not needs:
        return "Use a smaller batch, or a device with more memory."
    return f"Use a smaller batch, or raise max_memory: the least that any candidate took was {size(min(needs))}."
