"""Records made up for tests, and the tests that every store must pass (they need pytest)."""

from autoprec_service.testing.contract import StoreContract
from autoprec_service.testing.factories import (
    PROFILE,
    make_asked,
    make_description,
    make_report,
    make_run,
    make_stability,
    make_step_time,
    make_study,
    make_trial,
)

__all__ = [
    "PROFILE",
    "StoreContract",
    "make_asked",
    "make_description",
    "make_report",
    "make_run",
    "make_stability",
    "make_step_time",
    "make_study",
    "make_trial",
]
