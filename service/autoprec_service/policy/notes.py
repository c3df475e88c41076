"""Why an alternative came after the chosen candidate, in one sentence."""

from autoprec_service.policy.compilation import compilation_note
from autoprec_service.policy.evidence import Evidence
from autoprec_service.policy.field import Field
from autoprec_service.policy.largest import largest_batch_note
from autoprec_service.policy.ranking import Choice
from autoprec_service.policy.scores import CRITERIA, Criterion, within_noise

_POINTLESS = "32-true holds, so that precision beyond it buys nothing"


def note_on(evidence: Evidence, field: Field) -> str:
    """Return the note on a candidate that was not chosen and is not out."""
    doubt = field.in_doubt.get(evidence.name)
    comparison = _comparison(evidence, field, field.choice) if field.choice else None
    parts = [comparison, doubt] if doubt else [comparison or "not ranked: what the objective asks for was not measured"]
    parts = [*parts, compilation_note(evidence, field.evidences), largest_batch_note(evidence)]
    return f"{'; '.join(part for part in parts if part)}."


def _comparison(evidence: Evidence, field: Field, choice: Choice) -> str | None:
    if evidence.name in choice.beaten:
        return _told(evidence, choice.pick, choice.beaten[evidence.name])
    if evidence in choice.tied:
        return f"as good as {choice.pick.name} within the noise, which carries less numeric risk"
    beside = _beside(evidence, field, choice.pick)
    return f"{beside}; {_POINTLESS}" if beside and field.is_pointless(evidence) else beside


def _beside(evidence: Evidence, field: Field, pick: Evidence) -> str | None:
    """Compare a candidate that was not in the contest."""
    criteria = CRITERIA[field.objective]
    for criterion in criteria:
        ours, theirs = criterion.score(evidence), criterion.score(pick)
        if ours is None or theirs is None:
            return None
        if not within_noise(ours, theirs):
            return _told(evidence, pick, criterion)
    return f"as good as {pick.name} within the noise"


def _told(evidence: Evidence, pick: Evidence, criterion: Criterion) -> str:
    ours, theirs = criterion.score(evidence), criterion.score(pick)
    word = criterion.better if ours and theirs and ours.value < theirs.value else criterion.worse
    return f"{word}: {criterion.told(evidence)} against {criterion.told(pick)} for {pick.name}"
