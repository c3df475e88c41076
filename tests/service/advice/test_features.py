import math

import numpy as np
import pytest

from autoprec_runner.description import ModelDescription
from autoprec_runner.doctor.traits import LinearShape, OptimizerTraits, ParameterGroup, WeightTraits, WorkloadTraits
from autoprec_runner.prediction.cost import StepCost, StepMemory, Work, WorkloadCost
from autoprec_service.advice.features import FEATURES, UNKNOWN_APART, distances, features, matrix

MEMORY = StepMemory(
    weights_bytes=4, gradients_bytes=4, optimizer_bytes=8, activations_bytes=4, peak_bytes=20, peak_moment="backward"
)


def cost(flops: float) -> WorkloadCost:
    work = Work(
        layer="0", moment="forward", kind="product", dtype="float32", count=2, flops=flops, read_bytes=10.0 * flops
    )
    return WorkloadCost(
        name="model",
        description="a model",
        model_fingerprint="a",
        workload_key="w",
        mode="train",
        parameters=1000,
        batches_bytes=8,
        one_batch_bytes=8,
        steps=(StepCost(precision="32-true", work=(work,), memory=MEMORY),),
    )


def traits(width: int, *, learning_rate: float = 1e-3, eps: float = 1e-8) -> WorkloadTraits:
    group = ParameterGroup(parameters=100, learning_rate=learning_rate, eps=eps, adaptive=True)
    return WorkloadTraits(
        mode="train",
        parameters=100,
        trained_parameters=100,
        weights=WeightTraits(given_dtype="float32", largest=0.5, typical=0.01),
        linears=(LinearShape(first="0", count=1, in_features=width, out_features=width),),
        optimizer=OptimizerTraits(name="Adam", groups=(group,)),
    )


def described(parameters: int = 1000, **fields: object) -> ModelDescription:
    given = {"model_fingerprint": "a", "workload_key": "w", "name": "model", "mode": "train"}
    return ModelDescription.model_validate({**given, "parameters": parameters, **fields})


def named(description: ModelDescription) -> dict[str, float]:
    return dict(zip(FEATURES, features(description).tolist(), strict=True))


def test_a_model_is_at_no_distance_from_itself() -> None:
    row = features(described(cost=cost(1e9), traits=traits(64), layers={"Linear": 2}))
    assert not np.isnan(row).any()
    assert [0.0] == distances(row, matrix([row])).tolist()


def test_distance_grows_with_the_number_of_parameters() -> None:
    base = features(described(10**6))
    near, far = distances(base, matrix([features(described(2 * 10**6)), features(described(10**9))])).tolist()
    assert near < far


def test_distance_is_the_same_both_ways() -> None:
    one = features(described(10**6, traits=traits(64)))
    other = features(described(10**4, layers={"Conv2d": 3}))
    assert distances(one, matrix([other])).tolist() == distances(other, matrix([one])).tolist()


def test_what_one_of_them_lacks_sets_two_models_apart() -> None:
    full = features(described(cost=cost(1e9), traits=traits(64), layers={"Linear": 1}))
    empty = features(described())
    assert distances(full, matrix([empty]))[0] > UNKNOWN_APART


@pytest.mark.parametrize(
    ("layer", "kind"),
    [
        ("Linear", "linear"),
        ("Conv1D", "linear"),
        ("Conv1d", "convolution"),
        ("Conv2d", "convolution"),
        ("LSTM", "recurrent"),
        ("GRU", "recurrent"),
        ("MultiheadAttention", "attention"),
        ("LayerNorm", "normalization"),
        ("LlamaRMSNorm", "normalization"),
        ("Embedding", "embedding"),
    ],
)
def test_layers_are_told_apart_by_their_classes(layer: str, kind: str) -> None:
    found = named(described(layers={layer: 3, "ReLU": 5, "Dropout": 7}))
    assert found[kind] > 0
    kinds = {"linear", "convolution", "recurrent", "attention", "normalization", "embedding"}
    assert all(found[each] == 0 for each in kinds - {kind})


def test_the_mix_is_unknown_where_no_layer_has_a_kind() -> None:
    assert math.isnan(named(described(layers={"ReLU": 5}))["linear"])


def test_the_width_is_that_of_the_layer_with_the_median_weight() -> None:
    wide = LinearShape(first="0", count=1, in_features=1024, out_features=1024)
    narrow = LinearShape(first="1", count=3, in_features=16, out_features=16)
    given = traits(8).model_copy(update={"linears": (narrow, wide)})
    assert 10 / 2 == named(described(traits=given))["width"]


def test_intensity_is_flops_a_byte() -> None:
    assert -2.0 == pytest.approx(named(described(cost=cost(1e9)))["intensity"])


def test_how_large_updates_are_beside_weights_sets_models_apart() -> None:
    base, finer = features(described(traits=traits(64))), features(described(traits=traits(64, learning_rate=1e-6)))
    assert distances(base, matrix([finer]))[0] > 1


def test_figures_that_have_no_logarithm_are_unknown() -> None:
    given = traits(64, learning_rate=math.inf, eps=math.nan)
    found = named(described(0, traits=given))
    assert all(math.isnan(found[each]) for each in ("parameters", "eps", "update"))


def test_a_matrix_of_no_models_has_no_rows() -> None:
    assert (0, len(FEATURES)) == matrix([]).shape
