"""What replacement changes in a model, what it leaves, and what it says of the rest."""

import copy
from typing import Any

import pytest
import torch
from torch import nn

from autoprec_runner.engine import Engine
from autoprec_runner.errors import PrecisionError
from autoprec_runner.precision import TransformerEnginePrecision
from autoprec_runner.precision.transformer_engine import Coverage, Skipped
from autoprec_runner.precision.transformer_engine.emulation import EmulatedLinear
from autoprec_runner.precision.transformer_engine.machine import Machine

pytestmark = pytest.mark.usefixtures("te")


def convert(model: nn.Module, **options: Any) -> nn.Module:
    return TransformerEnginePrecision(**options).convert_module(model)


class Shared(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(16, 16)
        self.second = self.first
        self.inner = nn.ModuleDict({"third": self.first, "own": nn.Linear(16, 32)})


def test_exact_linears_and_layer_norms_are_replaced(te: Any) -> None:
    class Mine(nn.Linear):
        pass

    with pytest.warns(UserWarning, match=r"2 \(a Mine may do more than a Linear\)"):
        model = convert(nn.Sequential(nn.Linear(16, 32), nn.LayerNorm(32, eps=1e-3), Mine(32, 16), nn.ReLU()))
    assert [te.Linear, te.LayerNorm, Mine, nn.ReLU] == [type(each) for each in model.children()]
    norm = model[1]  # type: ignore[index]
    assert (1e-3, (32,)) == (norm.eps, norm.normalized_shape)


def test_the_parameters_stay_the_same_objects() -> None:
    model = nn.Sequential(nn.Linear(16, 16), nn.LayerNorm(16), nn.Linear(16, 16, bias=False))
    before = dict(model.named_parameters())
    values = {name: each.detach().bfloat16() for name, each in before.items()}
    after = dict(convert(model).named_parameters())
    assert [] == [name for name, each in before.items() if after[name] is not each]
    assert all(torch.equal(values[name], each) for name, each in after.items())
    assert before.keys() == after.keys()


def test_replacement_takes_no_random_numbers() -> None:
    model = nn.Sequential(nn.Linear(16, 16))
    state = torch.get_rng_state()
    convert(model)
    assert torch.equal(state, torch.get_rng_state())


def test_an_optimizer_made_before_the_conversion_trains_the_new_layers() -> None:
    model = nn.Sequential(nn.Linear(16, 16))
    engine = Engine(plugins=TransformerEnginePrecision(), accelerator="cpu")
    model, optimizer = engine.setup(model, torch.optim.SGD(model.parameters(), lr=1.0))
    before = model[0].weight.detach().clone()
    engine.backward(model(torch.ones(16, 16)).sum())
    optimizer.step()
    assert not torch.equal(before, model[0].weight)


def test_a_layer_under_several_names_stays_one_layer(te: Any) -> None:
    model = convert(Shared())
    assert isinstance(model.first, te.Linear)
    assert model.first is model.second
    assert model.first is model.inner["third"]  # type: ignore[index]


def test_tied_weights_stay_tied() -> None:
    model = nn.ModuleDict({"embedding": nn.Embedding(32, 16), "head": nn.Linear(16, 32, bias=False)})
    model["head"].weight = model["embedding"].weight
    converted: Any = convert(model)
    assert converted["embedding"].weight is converted["head"].weight


def test_mode_and_frozen_weights_stay() -> None:
    model = nn.Sequential(nn.Linear(16, 16), nn.Linear(16, 16).requires_grad_(requires_grad=False)).eval()
    model[0].train()
    converted = convert(model)
    assert [False, True, False] == [each.training for each in converted.modules()]
    assert [True, True, False, False] == [each.requires_grad for each in converted.parameters()]


def test_hooks_stay_and_can_still_be_removed() -> None:
    model = nn.Sequential(nn.Linear(16, 16))
    seen: list[str] = []
    before = model[0].register_forward_pre_hook(lambda *_: seen.append("before"))
    after = model[0].register_forward_hook(lambda *_, **__: seen.append("after"), with_kwargs=True)
    engine = Engine(plugins=TransformerEnginePrecision(), accelerator="cpu")
    model = engine.setup(model)
    model(torch.ones(16, 16))
    before.remove()
    after.remove()
    model(torch.ones(16, 16))
    assert ["before", "after"] == seen


def test_a_hook_that_is_given_its_module_is_given_the_new_one(te: Any) -> None:
    model = nn.Sequential(nn.Linear(16, 16))
    seen: list[type] = []
    layer: Any = model[0]
    layer.register_load_state_dict_pre_hook(lambda module, *_: seen.append(type(module)))
    convert(model).load_state_dict(convert(nn.Sequential(nn.Linear(16, 16))).state_dict())
    assert [te.Linear] == seen


def test_attributes_of_the_user_stay() -> None:
    layer = nn.Linear(16, 16)
    layer.is_residual = True  # type: ignore[assignment]
    converted: Any = convert(nn.Sequential(layer))
    assert converted[0].is_residual


def test_a_model_that_is_itself_a_linear_layer_is_replaced(te: Any) -> None:
    engine = Engine(plugins=TransformerEnginePrecision(), accelerator="cpu")
    layer = nn.Linear(16, 16)
    model = engine.setup(layer)
    assert isinstance(model, te.Linear)
    assert layer.weight is model.weight
    assert torch.float32 == model(torch.ones(16, 16)).dtype
    assert model.fp8


def test_a_model_with_layers_of_transformer_engine_is_left_as_its_author_made_it(te: Any) -> None:
    model = nn.Sequential(te.Linear(16, 16, device="cpu"), nn.Linear(16, 16))
    plugin = TransformerEnginePrecision(replace_layers=True)
    converted = plugin.convert_module(model)
    assert [te.Linear, nn.Linear] == [type(each) for each in converted.children()]
    assert {torch.bfloat16} == {each.dtype for each in converted.parameters()}
    assert plugin.coverage is not None
    assert 0.5 == plugin.coverage.unquantized_share


def test_a_layer_that_inherits_from_transformer_engine_counts_as_one(te: Any) -> None:
    mine = type("Mine", (te.Linear,), {})
    model = convert(nn.Sequential(mine(16, 16, device="cpu"), nn.Linear(16, 16)))
    assert [mine, nn.Linear] == [type(each) for each in model.children()]


def test_replacement_can_be_left_out(te: Any) -> None:
    plugin = TransformerEnginePrecision(replace_layers=False)
    model = plugin.convert_module(nn.Sequential(nn.Linear(16, 16)))
    assert not isinstance(next(model.children()), te.Linear)
    assert plugin.coverage is not None
    assert "left as it was asked to be" == plugin.coverage.skipped[0].reason
    assert plugin.compute_dtype() is None


@pytest.mark.parametrize("emulate", [False, True])
def test_converting_twice_changes_nothing_and_warns_once(*, emulate: bool) -> None:
    plugin = TransformerEnginePrecision(emulate=emulate)
    with pytest.warns(UserWarning, match="stay in bfloat16"):
        once = plugin.convert_module(nn.Sequential(nn.Linear(16, 16), nn.Linear(16, 10)))
    coverage = plugin.coverage
    modules = list(once.modules())
    assert modules == list(plugin.convert_module(once).modules())
    assert coverage == plugin.coverage


def patched() -> nn.Linear:
    layer = nn.Linear(16, 16)
    layer.forward = torch.relu  # type: ignore[method-assign]
    return layer


def complex_layer() -> nn.Linear:
    return nn.Linear(16, 16, dtype=torch.complex64)


@pytest.mark.parametrize("emulate", [False, True])
@pytest.mark.parametrize(
    ("layer", "reason"),
    [
        (nn.Linear(10, 16), "in_features=10, pad it to 16: FP8 takes multiples of 16"),
        (nn.Linear(16, 24), "out_features=24, pad it to 32: FP8 takes multiples of 16"),
        (nn.Linear(1, 17), "in_features=1, pad it to 16 and out_features=17, pad it to 32: FP8 takes multiples of 16"),
        (nn.utils.parametrizations.weight_norm(nn.Linear(16, 16)), "a ParametrizedLinear may do more than a Linear"),
        (patched(), "its forward has been replaced or compiled"),
        (complex_layer(), "its weight is complex64"),
    ],
    ids=["in", "out", "both", "parametrized", "patched", "complex"],
)
def test_a_layer_that_does_not_fit_stays_and_the_reason_is_told(
    layer: nn.Linear, reason: str, *, emulate: bool
) -> None:
    layer = copy.deepcopy(layer)
    plugin = TransformerEnginePrecision(emulate=emulate)
    kind = type(layer)
    with pytest.warns(UserWarning, match=f"^transformer-engine: .* stay in bfloat16: 1 \\({reason}\\).$"):
        model = plugin.convert_module(nn.Sequential(nn.Linear(16, 16), layer))
    assert kind is type(list(model.children())[1])
    assert plugin.coverage is not None
    assert [("1", reason)] == [(each.name, each.reason) for each in plugin.coverage.skipped]


def test_a_weight_that_pruning_computes_stays(te: Any) -> None:
    from torch.nn.utils import prune  # noqa: PLC0415 (for this test alone)

    layer = prune.identity(nn.Linear(16, 16), "weight")  # type: ignore[no-untyped-call]
    with pytest.warns(UserWarning, match="its weight is computed from other parameters"):
        model = convert(nn.Sequential(layer, nn.Linear(16, 16)))
    assert [nn.Linear, te.Linear] == [type(each) for each in model.children()]


@pytest.mark.parametrize("norm", [nn.LayerNorm(16, elementwise_affine=False), nn.LayerNorm(16, bias=False)])
def test_a_layer_norm_that_transformer_engine_does_not_have_stays(norm: nn.LayerNorm) -> None:
    model = convert(nn.Sequential(nn.Linear(16, 16), norm))
    assert norm is list(model.children())[1]


def test_the_share_counts_weights_and_names_under_which_a_layer_is_used() -> None:
    plugin = TransformerEnginePrecision()
    with pytest.warns(
        UserWarning, match=r"^transformer-engine: 20\.0% of the floating-point operations in linear layers"
    ):
        plugin.convert_module(nn.ModuleList([nn.Linear(16, 16), nn.Linear(16, 16), nn.Linear(16, 8)]))
    assert plugin.coverage == Coverage(
        quantized_weights=512,
        skipped=(Skipped(name="2", reason="out_features=8, pad it to 16: FP8 takes multiples of 16", weights=128),),
    )
    plugin.convert_module(Shared())
    assert Coverage(quantized_weights=3 * 256 + 512, skipped=()) == plugin.coverage


def test_the_projections_of_an_attention_are_counted() -> None:
    plugin = TransformerEnginePrecision()
    with pytest.warns(UserWarning, match="outside of any Linear"):
        plugin.convert_module(nn.TransformerEncoderLayer(16, 2, dim_feedforward=32))
    assert plugin.coverage is not None
    assert 4 * 256 / (4 * 256 + 2 * 512) == plugin.coverage.unquantized_share


def test_many_skipped_layers_are_counted_not_listed() -> None:
    with pytest.warns(UserWarning, match=r"and 2 more\.$"):
        convert(nn.ModuleList([nn.Linear(16, 16), *(nn.Linear(16, 8) for _ in range(5))]))


@pytest.mark.parametrize("emulate", [False, True])
@pytest.mark.parametrize("model", [nn.Sequential(nn.ReLU()), nn.Sequential(nn.Linear(16, 10))], ids=["none", "misfit"])
def test_a_model_without_a_layer_that_fits_is_refused(model: nn.Module, *, emulate: bool) -> None:
    with pytest.raises(PrecisionError, match=r"finds no linear layer to run in FP8 in Sequential.* Use 'bf16-mixed'"):
        convert(copy.deepcopy(model), emulate=emulate)


def test_mxfp8_takes_multiples_of_its_block() -> None:
    class OnBlackwell(TransformerEnginePrecision):
        machine = Machine(capability=(10, 0), device="cpu")

    with pytest.warns(UserWarning, match="out_features=48, pad it to 64: FP8 takes multiples of 32"):
        OnBlackwell().convert_module(nn.Sequential(nn.Linear(32, 32), nn.Linear(32, 48)))


def test_effective_dtypes_tell_fp8_and_its_share() -> None:
    engine = Engine(plugins=TransformerEnginePrecision(), accelerator="cpu")
    whole = engine.setup(nn.Sequential(nn.Linear(16, 16)))
    assert ("bfloat16", "float8_e4m3fn, bfloat16", "bfloat16") == (
        engine.effective_dtypes(whole).parameters,
        engine.effective_dtypes(whole).compute,
        engine.effective_dtypes(whole).inputs,
    )
    with pytest.warns(UserWarning, match=r"33\.3%"):
        part = engine.setup(nn.Sequential(nn.Linear(16, 16), nn.Linear(16, 8)))
    assert "float8_e4m3fn (66.7% of linear layers' operations), bfloat16" == engine.effective_dtypes(part).compute


def test_under_init_module_layers_have_their_dtype_and_are_replaced_at_setup(te: Any) -> None:
    engine = Engine(plugins=TransformerEnginePrecision(replace_layers=True), accelerator="cpu")
    with engine.init_module():
        model = nn.Sequential(nn.Linear(16, 16))
    weight = model[0].weight
    assert (nn.Linear, torch.bfloat16) == (type(model[0]), weight.dtype)
    model = engine.setup(model)
    assert isinstance(model[0], te.Linear)
    assert weight is model[0].weight


def test_emulation_changes_the_class_and_nothing_else() -> None:
    layer = nn.Linear(16, 16).eval()
    held = [layer]
    model = convert(nn.Sequential(layer, nn.LayerNorm(16)), emulate=True)
    assert held[0] is next(model.children())
    assert (EmulatedLinear, False) == (type(held[0]), held[0].training)
    assert nn.LayerNorm is type(list(model.children())[1])
