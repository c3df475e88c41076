"""How trials become a recommendation: pure functions of trials, objective and constraints."""

from autoprec_service.policy.predicted import recommend_predicted
from autoprec_service.policy.preference import preference
from autoprec_service.policy.recommend import recommend
from autoprec_service.policy.risk import numeric_risk

__all__ = ["numeric_risk", "preference", "recommend", "recommend_predicted"]
