"""Models under the bitsandbytes plugin, with the real bitsandbytes, on the CPU."""

import copy
import sys
from pathlib import Path
from typing import Any, get_args

import pytest
import torch
from torch import nn

bnb = pytest.importorskip("bitsandbytes", reason="needs bitsandbytes")

from autoprec_runner.engine import Engine
from autoprec_runner.errors import PrecisionError
from autoprec_runner.precision import BitsandbytesPrecision, Precision, resolve_precision, weight_bytes
from autoprec_runner.precision.bitsandbytes import MODES, Mode, layers, modes
from autoprec_runner.testing import PrecisionContract

FROZEN: tuple[Mode, ...] = ("nf4", "nf4-dq", "fp4", "fp4-dq", "int8")

needs_fused_kernel = pytest.mark.skipif(not layers.FUSED_ON_CPU, reason="needs a CPU with avx512_bf16")


class Net(nn.Module):
    def __init__(self, head: int = 64) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.h = nn.Linear(64, 128)
        self.norm = nn.LayerNorm(128)
        self.body = nn.Sequential(nn.Linear(128, 128), nn.ReLU(), nn.Linear(128, 128))
        self.head = nn.Linear(128, head)
        self.seen: dict[str, torch.dtype] = {}

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        hidden = self.body(self.norm(self.h(x)))
        output: torch.Tensor = self.head(hidden)
        self.seen = {"x": x.dtype, "hidden": hidden.dtype, "output": output.dtype, "new": torch.zeros(1).dtype}
        return output


def engine(mode: Mode, dtype: torch.dtype | None = None, ignore: set[str] | None = None) -> Engine:
    return Engine(plugins=BitsandbytesPrecision(mode, dtype, ignore), accelerator="cpu")


def convert(mode: Mode, model: nn.Module, ignore: set[str] | None = None) -> BitsandbytesPrecision:
    plugin = BitsandbytesPrecision(mode, ignore_modules=ignore, device="cpu")
    assert plugin.convert_module(model) is model
    return plugin


def is_quantized(module: nn.Module) -> bool:
    return isinstance(module, layers.QUANTIZED)


def batch(features: int = 64) -> torch.Tensor:
    torch.manual_seed(1)
    return torch.randn(8, features)


class BitsandbytesContract(PrecisionContract):
    mode: Mode

    def make(self) -> Precision:
        return BitsandbytesPrecision(self.mode)


class TestNf4Contract(BitsandbytesContract):
    mode = "nf4"


class TestNf4DqContract(BitsandbytesContract):
    mode = "nf4-dq"


class TestFp4Contract(BitsandbytesContract):
    mode = "fp4"


class TestFp4DqContract(BitsandbytesContract):
    mode = "fp4-dq"


class TestInt8Contract(BitsandbytesContract):
    mode = "int8"


class TestInt8TrainingContract(BitsandbytesContract):
    mode = "int8-training"


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("training", [True, False])
def test_a_forward_computes_in_the_plugins_dtype_and_returns_the_default_one(mode: Mode, *, training: bool) -> None:
    run = engine(mode)
    model = run.setup(Net()).train(training)
    reference = Net().train(training)(batch())
    output = model(batch())
    compute = getattr(torch, run.precision_plugin.compute_dtype() or "")
    assert {"x": compute, "hidden": compute, "output": compute, "new": compute} == model.seen
    assert torch.float32 == output.dtype == torch.get_default_dtype()
    assert (output - reference).norm() < 0.25 * reference.norm()
    assert all(map(is_quantized, (model.h, model.body[0], model.body[2], model.head)))


@pytest.mark.parametrize("mode", MODES)
def test_effective_dtypes_say_what_runs_and_what_the_weights_take(mode: Mode) -> None:
    run = engine(mode)
    effective = run.effective_dtypes(run.setup(Net()))
    half = str(modes.default_dtype(mode, "cpu")).removeprefix("torch.")
    kept = {"int8": {"int8", "float32"}, "int8-training": {"float32", half}}.get(mode, {"uint8", "float32"})
    assert kept == set(effective.parameters.split(", "))
    assert (half, half) == (effective.compute, effective.inputs)
    assert effective.note is not None
    assert f"bnb-{mode} quantized 4 of 4 Linear layers: the model's weights take" in effective.note


def test_fp32_compute_is_reported_although_no_autocast_runs() -> None:
    run = engine("nf4", torch.float32)
    model = run.setup(Net())
    model(batch())
    assert ("float32", torch.float32) == (run.effective_dtypes(model).compute, model.seen["hidden"])


@pytest.mark.parametrize("mode", MODES)
def test_the_models_weights_shrink(mode: Mode) -> None:
    model = Net()
    before = weight_bytes(model)
    plugin = convert(mode, model)
    assert plugin.conversion is not None
    assert (before, weight_bytes(model)) == (plugin.conversion.bytes_before, plugin.conversion.bytes_after)
    assert before / weight_bytes(model) > {"int8": 3.5, "int8-training": 1.9}.get(mode, 6)


class TestWhatAReplacementLeavesAlone:
    @pytest.mark.parametrize("mode", MODES)
    def test_identity_names_mode_device_and_bias(self, mode: Mode) -> None:
        model = Net().eval()
        modules, bias = dict(model.named_modules()), model.h.bias
        names = [name for name, _ in model.named_parameters()]
        weights = [model.h.weight, model.head.weight]
        convert(mode, model)
        assert modules == dict(model.named_modules())
        assert bias is model.h.bias
        assert torch.float32 == bias.dtype
        assert not any(module.training for module in model.modules())
        assert names == [name for name, _ in model.named_parameters()]
        assert weights[0] is model.h.weight  # an optimizer made before holds no copy of the unquantized weight
        assert weights[1] is model.head.weight

    @pytest.mark.parametrize("mode", MODES)
    def test_hooks(self, mode: Mode) -> None:
        model, seen = Net(), []
        model.h.register_forward_hook(lambda *_: seen.append("hook"))
        model.h.register_forward_pre_hook(lambda *_: seen.append("pre"))
        engine(mode).setup(model)(batch())
        assert ["pre", "hook"] == seen

    @pytest.mark.parametrize("mode", MODES)
    def test_a_layer_under_two_names_stays_one_layer(self, mode: Mode) -> None:
        model = Net()
        model.again = model.h
        plugin = convert(mode, model)
        assert model.again is model.h
        assert is_quantized(model.h)
        assert plugin.conversion is not None
        assert 4 == len(plugin.conversion.quantized)

    @pytest.mark.parametrize("mode", MODES)
    def test_a_weight_of_two_layers_stays_one_weight(self, mode: Mode) -> None:
        model = Net()
        model.body[2].weight = model.body[0].weight
        run = engine(mode)
        run.setup(model).eval()
        assert model.body[2].weight is model.body[0].weight
        with torch.no_grad():
            first = model(batch())
            assert torch.equal(first, model(batch()))

    @pytest.mark.parametrize("mode", MODES)
    def test_a_weight_shared_with_an_embedding_stays_and_is_reported(self, mode: Mode) -> None:
        class Tied(nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.wte = nn.Embedding(64, 128)
                self.hidden = nn.Linear(128, 128)
                self.lm_head = nn.Linear(128, 64, bias=False)
                self.lm_head.weight = self.wte.weight

            def forward(self, tokens: torch.Tensor) -> torch.Tensor:
                output: torch.Tensor = self.lm_head(self.hidden(self.wte(tokens)))
                return output

        run = engine(mode)
        model = run.setup(Tied())
        assert model.lm_head.weight is model.wte.weight
        assert is_quantized(model.hidden)
        assert "`lm_head` (its weight is that of `wte` too, which is not quantized)" in str(run.precision_plugin.report)
        assert (3, 64) == model(torch.arange(3)).shape

    @pytest.mark.parametrize("mode", FROZEN)
    def test_what_is_frozen_stays_frozen_and_adapters_stay_trainable(self, mode: Mode) -> None:
        model = Net()
        model.h.requires_grad_(requires_grad=False)
        model.body.requires_grad_(requires_grad=False)
        required = {name: each.requires_grad for name, each in model.named_parameters()}
        plugin = convert(mode, model)
        assert required == {name: each.requires_grad for name, each in model.named_parameters()}
        assert not is_quantized(model.head)
        assert "`head` (trainable while others are frozen, as an adapter is)" in str(plugin.report)

    def test_a_frozen_layer_stays_frozen_in_int8_training(self) -> None:
        model = Net()
        model.h.requires_grad_(requires_grad=False)
        convert("int8-training", model)
        assert (False, True) == (model.h.weight.requires_grad, model.head.weight.requires_grad)

    def test_other_modules_keep_their_dtype(self) -> None:
        model = Net()
        model.register_buffer("wave", torch.tensor([1 + 2j]))
        convert("nf4", model)
        assert (torch.float32, torch.complex64) == (model.norm.weight.dtype, model.get_buffer("wave").dtype)


@pytest.mark.parametrize("mode", MODES)
def test_converting_twice_changes_nothing(mode: Mode) -> None:
    model = Net(head=10)
    plugin = convert(mode, model)
    before, report = {name: id(each) for name, each in model.named_parameters()}, plugin.report
    plugin.convert_module(model)
    convert("int8", model)
    assert before == {name: id(each) for name, each in model.named_parameters()}
    assert report == plugin.report


def test_a_model_that_holds_layers_of_bitsandbytes_is_left_as_its_author_made_it() -> None:
    model = nn.Sequential(nn.Linear(64, 64), bnb.nn.Linear4bit(64, 64, quant_type="fp4", compute_dtype=torch.float32))
    run = engine("nf4")
    model = run.setup(model)
    assert type(model[0]) is nn.Linear
    assert ("fp4", torch.float32) == (model[1].weight.quant_type, model[1].compute_dtype)
    assert torch.float32 == model(batch()).dtype
    assert run.precision_plugin.report is not None


@pytest.mark.parametrize("mode", MODES)
def test_a_root_linear_is_quantized(mode: Mode) -> None:
    run = engine(mode)
    model = run.setup(nn.Linear(64, 64))
    assert is_quantized(model)
    assert torch.float32 == model(batch()).dtype


@pytest.mark.parametrize(
    ("ignored", "kept"),
    [
        (set(), set()),
        ({"h"}, {"h"}),
        ({"head"}, {"head"}),
        ({"body"}, {"body.0", "body.2"}),
        ({"body.0"}, {"body.0"}),
        ({"bod", "hea", "body.", ".h"}, set()),
        ({"h", "body.2"}, {"h", "body.2"}),
    ],
    ids=str,
)
def test_modules_are_ignored_by_their_name_up_to_a_dot(ignored: set[str], kept: set[str]) -> None:
    model = Net()
    plugin = convert("nf4", model, ignored)
    linears = {name: each for name, each in model.named_modules() if isinstance(each, nn.Linear)}
    assert kept == {name for name, each in linears.items() if not is_quantized(each)}
    assert plugin.conversion is not None
    assert kept == set(plugin.conversion.kept)


def test_a_layer_is_ignored_under_any_of_its_names() -> None:
    model = Net()
    model.alias = nn.ModuleDict({"x": model.h})
    convert("nf4", model, {"alias"})
    assert not is_quantized(model.h)


def test_names_that_the_model_does_not_have_are_reported() -> None:
    assert "ignore_modules names what the model does not have: 'lm_head'." in str(
        convert("nf4", Net(), {"lm_head"}).report
    )


@pytest.mark.parametrize("mode", MODES)
def test_subclasses_of_linear_stay_and_transformer_layers_do_not_read_quantized_bytes(mode: Mode) -> None:
    torch.manual_seed(0)
    layer = nn.TransformerEncoderLayer(64, 2, 128, batch_first=True, dropout=0.0).eval()
    encoder = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False).eval()
    x = torch.randn(2, 5, 64)
    with torch.no_grad():
        expected = encoder(x)
        run = engine(mode)
        output = run.setup(encoder)(x)
    assert is_quantized(encoder.layers[0].linear1)
    assert not is_quantized(encoder.layers[0].self_attn.out_proj)
    assert "NonDynamicallyQuantizableLinear, whose weight its owner may read directly" in str(
        run.precision_plugin.report
    )
    assert (output - expected).norm() < 0.2 * expected.norm()


def test_layers_whose_weight_or_forward_is_not_their_own_stay() -> None:
    model = nn.Sequential(*(nn.Linear(64, 64) for _ in range(4)))
    model[1] = nn.utils.parametrizations.weight_norm(model[1])
    model[2].forward = model[2].forward
    nn.utils.spectral_norm(model[3])
    run = engine("nf4")
    model = run.setup(model)
    assert [True, False, False, False] == [is_quantized(each) for each in model]
    report = str(run.precision_plugin.report)
    for reason in ("ParametrizedLinear", "its forward was replaced", "its weight is computed from other parameters"):
        assert reason in report
    assert torch.isfinite(model(batch())).all()


@needs_fused_kernel
class TestShapesThatTheCpusKernelDoesNotTake:
    @pytest.mark.parametrize("mode", ["nf4", "nf4-dq", "fp4", "fp4-dq"])
    def test_such_layers_stay_and_are_reported(self, mode: Mode) -> None:
        run = engine(mode)
        model = run.setup(Net(head=10)).eval()
        with torch.no_grad():
            assert (8, 10) == model(batch()).shape
        assert type(model.head) is nn.Linear
        note = run.effective_dtypes(model).note
        assert note is not None
        assert "quantized 3 of 4 Linear layers" in note
        assert "`head` (128 inputs, 10 outputs: the CPU's 4-bit kernel takes multiples of 64 and 32)" in note

    def test_int8_and_other_dtypes_have_no_such_kernel(self) -> None:
        for plugin in (BitsandbytesPrecision("int8"), BitsandbytesPrecision("nf4", torch.float32)):
            model = Net(head=10)
            plugin.convert_module(model)
            assert is_quantized(model.head)

    def test_a_model_of_such_layers_alone_is_quantized_all_the_same(self) -> None:
        run = engine("nf4")
        model = run.setup(nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 2))).eval()
        assert all(map(is_quantized, model))
        with torch.no_grad():
            assert (8, 2) == model(batch(4)).shape


class TestInitModule:
    @pytest.mark.parametrize("mode", MODES)
    def test_layers_are_quantized_as_they_are_made(self, mode: Mode) -> None:
        run = engine(mode)
        with run.init_module():
            model = Net()
            assert is_quantized(model.h)
        assert type(nn.Linear(2, 2)) is nn.Linear
        assert not is_quantized(Net().h)
        assert f"torch.{run.precision_plugin.compute_dtype()}" == str(model.norm.weight.dtype)
        model = run.setup(model)
        assert torch.float32 == model(batch()).dtype
        assert weight_bytes(model) < weight_bytes(Net()) / 1.9

    def test_it_reaches_linears_that_were_imported_by_name_and_no_subclasses(self) -> None:
        class Own(nn.Linear):
            pass

        with engine("nf4").init_module():
            layer = nn.TransformerEncoderLayer(64, 2, 128)
            own = Own(64, 64)
        assert is_quantized(layer.linear1)
        assert not is_quantized(own)

    def test_what_was_there_is_restored_after_an_exception_and_when_nested(self) -> None:
        before = nn.Linear.__init__
        run = engine("nf4")
        with pytest.raises(KeyError), run.init_module(), run.init_module():  # noqa: PT012 (what is raised in)
            assert is_quantized(nn.Linear(64, 64))
            raise KeyError
        assert before is nn.Linear.__init__
        assert torch.float32 == torch.get_default_dtype()

    def test_a_plain_checkpoint_is_quantized_while_it_is_loaded(self, tmp_path: Path) -> None:
        torch.manual_seed(5)
        source, run = Net(), engine("nf4")
        torch.save({"model": source.state_dict()}, tmp_path / "plain.pt")
        with run.init_module(empty_init=True):
            model = Net()
        model = run.setup(model).eval()
        run.load(tmp_path / "plain.pt", {"model": model})
        other = engine("nf4").setup(source).eval()
        with torch.no_grad():
            assert torch.equal(other(batch()), model(batch()))

    def test_it_cannot_ignore_modules(self) -> None:
        with (
            pytest.raises(PrecisionError, match=r"not supported when used with `BitsandbytesPrecision\(.*'head'"),
            engine("nf4", ignore={"head"}).init_module(),
        ):
            pass


@pytest.mark.parametrize("mode", MODES)
def test_an_engines_checkpoint_holds_the_quantized_model(mode: Mode, tmp_path: Path) -> None:
    run = engine(mode)
    model = run.setup(Net(head=10)).eval()
    with torch.no_grad():
        expected = model(batch())
        run.save(tmp_path / "model.pt", {"model": model})
        torch.manual_seed(7)
        other = Net(head=10)
        nn.init.normal_(other.h.weight)
        other = engine(mode).setup(other).eval()
        run.load(tmp_path / "model.pt", {"model": other})
        assert torch.equal(expected, other(batch()))
    if mode in FROZEN:
        assert (tmp_path / "model.pt").stat().st_size < 0.4 * weight_bytes(Net(head=10))


def train(run: Engine, model: Net, steps: int = 20, eps: float = 1e-8) -> list[float]:
    model, optimizer = run.setup(model, torch.optim.AdamW(model.parameters(), lr=3e-3, eps=eps))
    target, losses = torch.randn(8, model.head.out_features, generator=torch.Generator().manual_seed(2)), []
    for _ in range(steps):
        loss = nn.functional.mse_loss(model(batch()), target)
        run.backward(loss)
        run.clip_gradients(model, optimizer, max_norm=1.0)
        optimizer.step()
        optimizer.zero_grad()
        losses.append(loss.item())
    return losses


def test_int8_training_learns() -> None:
    model = Net()
    before = copy.deepcopy(model.state_dict())
    run = engine("int8-training")
    losses = train(run, model, eps=1e-4)  # 1e-8 is 0 in float16, which some processors compute in
    assert losses[-1] < 0.3 * losses[0]
    after = model.state_dict()
    half = modes.default_dtype("int8-training", "cpu")
    assert half == after["h.weight"].dtype
    assert not torch.equal(before["h.weight"].to(half), after["h.weight"])


@pytest.mark.parametrize("mode", FROZEN)
def test_adapters_learn_through_a_frozen_quantized_base(mode: Mode) -> None:
    model = Net()
    for each in (model.h, model.body):
        each.requires_grad_(requires_grad=False)
    run = engine(mode)
    losses = train(run, model)
    assert is_quantized(model.h)
    assert losses[-1] < 0.7 * losses[0]
    assert model.h.weight.grad is None


class TestErrors:
    @pytest.mark.parametrize("mode", ["", "nf8", "int4", "bnb-nf4", None])
    def test_an_unknown_mode_lists_what_is_allowed(self, mode: Any) -> None:
        with pytest.raises(PrecisionError, match=r"Passed `BitsandbytesPrecision\(mode=.*'int8-training'"):
            BitsandbytesPrecision(mode)

    @pytest.mark.parametrize("mode", ["int8", "int8-training"])
    @pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32, torch.float64, torch.int8])
    def test_int8_takes_float16_only(self, mode: Mode, dtype: torch.dtype) -> None:
        with pytest.raises(
            ValueError, match=f"'{mode}' only works with `dtype=torch.float16`, but you chose `{dtype}`"
        ):
            BitsandbytesPrecision(mode, dtype=dtype)

    @pytest.mark.parametrize("dtype", [torch.float64, torch.int8, torch.uint8, "bf16"])
    def test_four_bits_take_three_dtypes(self, dtype: Any) -> None:
        with pytest.raises(PrecisionError, match=f"dtype={dtype}.*torch.bfloat16, torch.float16, torch.float32"):
            BitsandbytesPrecision("nf4", dtype=dtype)

    def test_modules_to_ignore_are_a_set(self) -> None:
        ignored: Any = "lm_head"
        with pytest.raises(PrecisionError, match=r"ignore_modules takes a set: write \{'lm_head'\}"):
            BitsandbytesPrecision("nf4", ignore_modules=ignored)

    @pytest.mark.parametrize("mode", MODES)
    def test_no_linear_to_replace(self, mode: Mode) -> None:
        with pytest.raises(PrecisionError, match=f"mode='{mode}'.*your model has no Linear layers: Conv2d would stay"):
            convert(mode, nn.Conv2d(1, 1, 1))

    def test_nothing_left_to_replace(self) -> None:
        with pytest.raises(
            PrecisionError, match=r"none of its Linear layers can be quantized: `head` \(ignored by 'head'"
        ):
            convert("nf4", nn.ModuleDict({"head": nn.Linear(64, 64)}), {"head"})

    def test_a_model_on_the_meta_device(self) -> None:
        with torch.device("meta"):
            model = Net()
        with pytest.raises(PrecisionError, match="meta device"):
            convert("nf4", model)

    def test_a_plugin_and_a_precision(self) -> None:
        with pytest.raises(PrecisionError, match="One precision at a time"):
            Engine("bnb-nf4", plugins=BitsandbytesPrecision("nf4"))

    def test_bitsandbytes_is_not_installed(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for name in [name for name in sys.modules if name.startswith("autoprec_runner.precision.bitsandbytes.")]:
            if name.rpartition(".")[2] in {"layers", "four_bits", "int8"}:
                monkeypatch.delitem(sys.modules, name)
        monkeypatch.delattr("autoprec_runner.precision.bitsandbytes.layers")
        monkeypatch.setitem(sys.modules, "bitsandbytes", None)
        with pytest.raises(PrecisionError, match="pip install bitsandbytes"):
            BitsandbytesPrecision("nf4")


class TestTheDtypeThatIsChosen:
    @pytest.mark.parametrize(
        ("native", "four_bits", "int8"),
        [
            ({"bf16-true", "16-true"}, torch.bfloat16, torch.float16),
            ({"bf16-true"}, torch.bfloat16, torch.bfloat16),
            ({"16-true"}, torch.float16, torch.float16),
            (set(), torch.float32, torch.float32),
        ],
    )
    def test_it_is_one_that_the_device_computes_natively(
        self, native: set[str], four_bits: torch.dtype, int8: torch.dtype, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(modes, "_is_native", lambda precision, _: precision in native)
        for mode in get_args(Mode):
            expected = int8 if mode.startswith("int8") else four_bits
            assert expected == BitsandbytesPrecision(mode).dtype
        assert torch.float16 == BitsandbytesPrecision("int8", dtype=torch.float16).dtype

    @needs_fused_kernel
    def test_here_it_is_bf16(self) -> None:
        assert {torch.bfloat16} == {BitsandbytesPrecision(mode, device="cpu").dtype for mode in MODES}


@pytest.mark.parametrize("mode", MODES)
def test_the_string_gives_the_plugin_of_its_mode(mode: Mode) -> None:
    plugin = resolve_precision(f"bnb-{mode}", device="cpu")
    assert isinstance(plugin, BitsandbytesPrecision)
    assert (mode, f"bnb-{mode}", "cpu") == (plugin.mode, plugin.precision, plugin.device)


def test_float16_is_taken_for_int8() -> None:
    run = engine("int8", torch.float16)
    model = run.setup(Net()).eval()
    with torch.no_grad():
        assert torch.float32 == model(batch()).dtype
    assert torch.float16 == model.seen["hidden"]
