import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autoprec_runner.study import Study
from autoprec_runner.trial import Trial
from autoprec_service.errors import StoreError
from autoprec_service.store.documents import document_of, read, say_the_same
from autoprec_service.testing import make_stability, make_study, make_trial

any_float = st.floats(allow_nan=True, allow_infinity=True)


@given(st.lists(any_float, max_size=5), any_float, any_float, st.text())
def test_trials_come_back_bit_for_bit(losses: list[float], final: float, deviation: float, reason: str) -> None:
    trial = make_trial(losses=losses, final_loss=final, stability=make_stability(deviation=deviation), reason=reason)
    back = read(Trial, document_of(trial))
    assert repr(trial.losses) == repr(back.losses)
    assert repr(trial.final_loss) == repr(back.final_loss)
    assert repr(trial.stability) == repr(back.stability)
    assert document_of(trial) == document_of(back)


def test_the_schema_itself_keeps_nan() -> None:
    trial = make_trial(losses=[math.nan, math.inf])
    back = Trial.model_validate_json(trial.model_dump_json())
    assert math.isnan(back.losses[0])
    assert math.inf == back.losses[1]


def test_studies_come_back_without_their_derived_fields() -> None:
    study = make_study()
    document = document_of(study)
    assert "key" not in json.loads(document)["hardware"]
    assert study == read(Study, document)


def test_documents_of_equal_records_say_the_same() -> None:
    one = make_trial(software={"torch": "2", "numpy": "1"})
    other = make_trial(software={"numpy": "1", "torch": "2"})
    assert document_of(one) != document_of(other)
    assert say_the_same(document_of(one), document_of(other))
    assert not say_the_same(document_of(one), document_of(make_trial()))


def test_a_document_of_another_version_is_told() -> None:
    fields = json.loads(document_of(make_trial())) | {"colour": "blue"}
    with pytest.raises(StoreError, match=r"'32-true verify' does not fit the schema of this autoprec \(1 difference\)"):
        read(Trial, json.dumps(fields))
