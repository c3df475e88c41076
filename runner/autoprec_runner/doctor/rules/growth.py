"""Memory that grows from step to step."""

from collections.abc import Iterator

from autoprec_runner.doctor.case import TrialCase
from autoprec_runner.doctor.registry import Rule, Told, found_in_trials

MEMORY_GROWTH = Rule(
    id="memory-growth",
    severity="warning",
    happens="Memory grows with every step, until there is none left.",
    why="Something keeps what every step makes: a list of losses that were not detached, or the cache of cast weights "
    "of an autocast context that is left open, or in which gradients are switched off and on.",
    found="In trials: the memory held after each step grew in every quarter of a run.",
    remedy="Detach what is kept, enter autocast anew for each step, or switch its cache off (cache_enabled=False).",
    references=(
        "https://github.com/Lightning-AI/pytorch-lightning/issues/21611",
        "https://github.com/Lightning-AI/pytorch-lightning/issues/20644",
    ),
)


@found_in_trials(MEMORY_GROWTH)
def memory_growth(case: TrialCase) -> Iterator[Told]:
    """Candidates whose memory slope was a warning."""
    for each in case.tried:
        found = each.last.stability.checks if each.last.stability else ()
        for check in found:
            if check.id == "memory-slope" and check.verdict == "warning":
                yield Told(sentence=f"{each.name}: {check.sentence}", candidates=(each.name,))
