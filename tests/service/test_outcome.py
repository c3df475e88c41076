"""What outcomes have in common, and what they refuse."""

import pytest
from pydantic import ValidationError

from autoprec_service.outcome import Outcome, outcomes_of
from autoprec_service.store.documents import document_of, read
from autoprec_service.testing import make_trial

STORED = document_of(outcomes_of([make_trial()])[0])


def test_outcomes_that_are_read_share_what_is_the_same() -> None:
    one, other = read(Outcome, STORED), read(Outcome, STORED)
    assert one == other
    assert one.candidate is other.candidate
    assert one.software is other.software


def test_an_outcome_of_a_precision_that_is_not_installed_is_read_as_it_was_recorded() -> None:
    assert "of-a-plugin" == read(Outcome, STORED.replace("32-true", "of-a-plugin")).candidate.precision


@pytest.mark.parametrize("candidate", ['{"precision":"32-true","other":1}', "{}", "null", "[]"])
def test_an_outcome_of_no_candidate_is_refused(candidate: str) -> None:
    fields = read(Outcome, STORED).model_dump_json(exclude={"candidate"})
    with pytest.raises(ValidationError):
        Outcome.model_validate_json(f'{fields[:-1]},"candidate":{candidate}}}')
