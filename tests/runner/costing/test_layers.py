from torch import nn

from autoprec_runner.costing.layers import layer_counts


def test_containers_are_no_layers() -> None:
    model = nn.Sequential(nn.Linear(2, 2), nn.Sequential(nn.ReLU(), nn.Linear(2, 2)))
    assert {"Linear": 2, "ReLU": 1} == layer_counts(model)


def test_an_attention_with_weights_of_its_own_counts_beside_its_parts() -> None:
    assert {"MultiheadAttention": 1, "NonDynamicallyQuantizableLinear": 1} == layer_counts(nn.MultiheadAttention(4, 2))


def test_a_layer_under_two_names_counts_once() -> None:
    layer = nn.Linear(2, 2)
    assert {"Linear": 1, "ReLU": 1} == layer_counts(nn.Sequential(layer, nn.ReLU(), layer))
