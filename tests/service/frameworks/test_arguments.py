"""What the service says of frameworks; that they take it is shown by the tests of the SDK, which says the same."""

import json

import pytest

from autoprec import exports
from autoprec_probe.candidate import Candidate
from autoprec_service.errors import ExportError
from autoprec_service.frameworks import framework_arguments, fsdp, torch

FRAMEWORKS = ["accelerate", "deepspeed", "fabric", "fsdp", "torch", "trainer", "transformers"]
PRECISIONS = ["32-true", "bf16-mixed", "16-mixed", "bf16-true", "16-true", "64-true", "transformer-engine", "bnb-nf4"]


@pytest.mark.parametrize("precision", PRECISIONS)
def test_every_framework_has_arguments_or_a_refusal(precision: str) -> None:
    found = framework_arguments(Candidate(precision=precision), "cuda", "train")
    assert FRAMEWORKS == sorted(found)
    assert all((each.arguments is None) == (each.refusal is not None) for each in found.values())


@pytest.mark.parametrize("precision", PRECISIONS)
def test_arguments_are_json(precision: str) -> None:
    found = framework_arguments(Candidate(precision=precision), "cuda", "train")
    told = {name: each.arguments for name, each in found.items()}
    assert told == json.loads(json.dumps(told))


def test_dtypes_are_names() -> None:
    assert {"param_dtype": "bfloat16", "reduce_dtype": "float32"} == fsdp(Candidate(precision="bf16-mixed"))
    assert "float16" == torch(Candidate(precision="16-true"), "cuda", "train")["weights_dtype"]


def test_what_a_framework_runs_as_something_else_on_a_cpu_is_refused_there() -> None:
    found = framework_arguments(Candidate(precision="16-mixed"), "cpu", "train")["fabric"]
    assert found.refusal is not None
    assert "bf16-mixed instead of 16-mixed on a CPU" in found.refusal


def test_modules_that_stay_in_fp32_are_never_dropped() -> None:
    candidate = Candidate(precision="bf16-mixed", keep_fp32=("head",))
    refused = {name for name, each in framework_arguments(candidate, "cuda", "train").items() if each.refusal}
    assert set(FRAMEWORKS) == refused


def test_the_sdk_raises_the_same_error() -> None:
    assert exports.ExportError is ExportError
