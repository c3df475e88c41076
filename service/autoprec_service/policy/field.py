"""Everybody who was tried, sorted by what the policy may do with them."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from autoprec_runner.study import Constraints
from autoprec_runner.trial import Objective, Trial
from autoprec_service.policy.evidence import Evidence, gathered
from autoprec_service.policy.qualification import doubt, rejection
from autoprec_service.policy.ranking import Choice, by_preference, can_be_ranked, choose, is_pointless
from autoprec_service.recommendation import Rejected


@dataclass(frozen=True)
class Field:
    """The evidence of all candidates under one objective and its constraints."""

    evidences: tuple[Evidence, ...]
    objective: Objective
    constraints: Constraints

    @classmethod
    def of(cls, trials: Sequence[Trial], objective: Objective, constraints: Constraints) -> "Field":
        """Return the field of some trials."""
        return cls(tuple(gathered(trials)), objective, constraints)

    @cached_property
    def reference(self) -> Evidence | None:
        """The candidate by which the others are judged; None if it was not tried."""
        return next((each for each in self.evidences if each.is_reference), None)

    @cached_property
    def reference_is_unstable(self) -> bool:
        """Whether the model is unstable already in fp32."""
        return self.reference is not None and self.reference.is_unstable

    @cached_property
    def rejected(self) -> tuple[Rejected, ...]:
        """Who is out, the safest first."""
        found = (rejection(each, self.constraints) for each in self.evidences)
        return tuple(each for each in found if each is not None)

    @cached_property
    def in_doubt(self) -> dict[str, str]:
        """Why a candidate that is not out may not be recommended, by its name."""
        out = {each.candidate for each in self.rejected}
        rest = [each for each in self.evidences if each.candidate not in out]
        doubts = {each.name: doubt(each, reference_is_unstable=self.reference_is_unstable) for each in rest}
        return {name: why for name, why in doubts.items() if why is not None}

    @cached_property
    def qualified(self) -> tuple[Evidence, ...]:
        """Who may be recommended, the best first."""
        return tuple(each for each in self._remaining if each.name not in self.in_doubt)

    @cached_property
    def unverified(self) -> tuple[Evidence, ...]:
        """Who is not out and may not be recommended either, the best first."""
        return tuple(each for each in self._remaining if each.name in self.in_doubt)

    def is_pointless(self, evidence: Evidence) -> bool:
        """Return whether a candidate is no choice because it is more precise than a reference that holds."""
        return is_pointless(evidence, self.qualified)

    @cached_property
    def choice(self) -> Choice | None:
        """The chosen one among those who qualify, None if there is none."""
        contenders = [each for each in self.qualified if can_be_ranked(each, self.objective)]
        return choose(contenders, self.objective) if contenders else None

    @cached_property
    def _remaining(self) -> list[Evidence]:
        out = {each.candidate for each in self.rejected}
        return by_preference([each for each in self.evidences if each.candidate not in out], self.objective)
