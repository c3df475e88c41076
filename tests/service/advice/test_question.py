import json
from typing import Any

import pytest
from pydantic import ValidationError

from autoprec_service.advice.question import Question
from autoprec_service.testing.factories import PROFILE

DESCRIPTION = {"model_fingerprint": "a", "workload_key": "w", "name": "model", "mode": "train", "parameters": 10}


def test_a_fingerprint_alone_is_about_everything() -> None:
    question = Question(model_fingerprint="a")
    assert ("a", True) == (question.fingerprint, question.is_about_everything)


def test_a_description_tells_the_fingerprint() -> None:
    assert "a" == Question.model_validate({"description": DESCRIPTION, "hardware_key": "h"}).fingerprint


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({}, "no model: give model_fingerprint"),
        ({"model_fingerprint": "b", "description": DESCRIPTION}, "give one of them"),
        ({"description": DESCRIPTION, "mode": "inference"}, "in mode 'train'"),
        ({"model_fingerprint": "a", "profile": PROFILE, "node": "n"}, "two machines"),
        ({"model_fingerprint": "a", "profile": PROFILE, "hardware_key": "h"}, "none of the profile's: cpu-x86-base"),
        ({"model_fingerprint": "a", "max_memory_bytes": 0}, "greater than 0"),
        ({"model_fingerprint": "a", "tolerance": float("nan")}, "finite"),
        ({"model_fingerprint": "a", "current": {"precision": "fp8"}}, "Unknown precision 'fp8'"),
        ({"model_fingerprint": "a", "code": "import os"}, "Extra inputs"),
    ],
)
def test_what_makes_no_question_is_refused(fields: dict[str, Any], told: str) -> None:
    with pytest.raises((ValidationError, ValueError), match=told):
        Question.model_validate(fields)


@pytest.mark.parametrize("figure", ["NaN", "Infinity", "-1.0", "1e300"])
def test_figures_that_nothing_can_be_computed_with_are_refused(figure: str) -> None:
    work = {"layer": "", "moment": "forward", "kind": "product", "dtype": "float32", "count": 1, "flops": 0.0}
    memory = dict.fromkeys(("weights", "gradients", "optimizer", "activations", "peak"), 1)
    step = {
        "precision": "32-true",
        "work": [work],
        "memory": {f"{name}_bytes": value for name, value in memory.items()} | {"peak_moment": "forward"},
    }
    cost = DESCRIPTION | {"description": "", "batches_bytes": 1, "one_batch_bytes": 1, "steps": [step]}
    text = json.dumps({"description": DESCRIPTION | {"cost": cost}}).replace('"flops": 0.0', f'"flops": {figure}')
    with pytest.raises(ValidationError, match="flops"):
        Question.model_validate_json(text)


def test_the_examples_of_the_documentation_are_questions() -> None:
    extra = Question.model_config["json_schema_extra"]
    assert isinstance(extra, dict)
    examples = extra["examples"]
    assert isinstance(examples, list)
    assert all(Question.model_validate(each) for each in examples)
