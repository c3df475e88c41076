"""Options, recipes, gates and contexts, with a stand-in for Transformer Engine (fixture `te`)."""

import sys
import warnings
from contextlib import suppress
from typing import Any

import pytest
import torch
from torch import nn

from autoprec_probe.fp8 import Capability
from autoprec_runner.engine import Engine
from autoprec_runner.errors import MissingPackageError, PrecisionError
from autoprec_runner.precision import Precision, TransformerEnginePrecision, resolve_precision
from autoprec_runner.precision.transformer_engine.machine import Machine
from autoprec_runner.testing import PrecisionContract

GUIDE = {"fp8_format": "HYBRID", "amax_history_len": 16, "amax_compute_algo": "max"}


def on(capability: Capability, cuda: str = "12.9", cublaslt: str = "12.9.0.13") -> type[TransformerEnginePrecision]:
    """Return the plugin's class as it is on a GPU of this compute capability."""

    class Plugin(TransformerEnginePrecision):
        machine = Machine(capability=capability, cuda=cuda, cublaslt=cublaslt, device="cpu")

    return Plugin


def recipe_inside(te: Any, plugin: Precision) -> Any:
    with plugin.forward_context():
        assert te._state.enabled
        return te._state.recipe


@pytest.mark.usefixtures("te")
class TestTransformerEngine(PrecisionContract):
    width = 16

    def make(self) -> Precision:
        return TransformerEnginePrecision()


@pytest.mark.usefixtures("te")
class TestTransformerEngineFloat16(PrecisionContract):
    width = 16

    def make(self) -> Precision:
        return TransformerEnginePrecision(torch.float16)


@pytest.mark.usefixtures("te")
class TestTransformerEngineFloat32(PrecisionContract):
    width = 32

    def make(self) -> Precision:
        return on((10, 0))(torch.float32)


@pytest.mark.usefixtures("te")
@pytest.mark.parametrize(
    ("dtype", "precision"),
    [
        (torch.bfloat16, "transformer-engine"),
        (torch.float16, "transformer-engine-float16"),
        (torch.float32, "transformer-engine"),
    ],
)
def test_the_string_follows_the_dtype_of_the_weights(dtype: torch.dtype, precision: str) -> None:
    assert precision == TransformerEnginePrecision(dtype).precision


@pytest.mark.usefixtures("te")
def test_strings_resolve_to_the_dtype_that_they_name() -> None:
    plugins = [resolve_precision(each) for each in ("transformer-engine", "transformer-engine-float16")]
    assert [torch.bfloat16, torch.float16] == [getattr(each, "weights_dtype", None) for each in plugins]


@pytest.mark.parametrize(
    ("capability", "recipe", "fp8_format"),
    [
        ((8, 9), "DelayedScaling", "HYBRID"),
        ((9, 0), "DelayedScaling", "HYBRID"),
        ((10, 0), "MXFP8BlockScaling", "E4M3"),
        ((12, 0), "Float8CurrentScaling", "HYBRID"),
    ],
)
def test_the_recipe_follows_the_architecture(te: Any, capability: Capability, recipe: str, fp8_format: str) -> None:
    inside = recipe_inside(te, on(capability)())
    assert (recipe, fp8_format) == (type(inside).__name__, inside.fp8_format.name)


def test_the_recipe_of_the_guide_is_delayed_scaling(te: Any) -> None:
    inside = recipe_inside(te, TransformerEnginePrecision(weights_dtype=torch.bfloat16, recipe=GUIDE))
    assert ("DelayedScaling", "HYBRID", 16, "max") == (
        type(inside).__name__,
        inside.fp8_format.name,
        inside.amax_history_len,
        inside.amax_compute_algo,
    )


@pytest.mark.usefixtures("te")
def test_the_mapping_of_the_user_is_not_modified() -> None:
    recipe = dict(GUIDE)
    TransformerEnginePrecision(recipe=recipe)
    assert GUIDE == recipe


def test_a_recipe_object_is_taken_as_it_is(te: Any) -> None:
    from transformer_engine.common.recipe import Float8CurrentScaling  # noqa: PLC0415 (in reach through the fixture)

    recipe = Float8CurrentScaling()
    plugin = TransformerEnginePrecision(recipe=recipe)
    assert recipe is plugin.recipe
    assert recipe is recipe_inside(te, plugin)


@pytest.mark.parametrize(
    ("options", "fp8_format"),
    [
        ({}, "HYBRID"),
        ({"fp8_format": "e4m3"}, "E4M3"),
        ({"fp8_format": "e4m3", "recipe": {"amax_history_len": 4}}, "E4M3"),
        ({"fp8_format": "e4m3", "recipe": {"fp8_format": "HYBRID"}}, "HYBRID"),
    ],
)
def test_fp8_format_counts_where_the_recipe_does_not_say_it(te: Any, options: dict[str, Any], fp8_format: str) -> None:
    assert fp8_format == recipe_inside(te, TransformerEnginePrecision(**options)).fp8_format.name


@pytest.mark.usefixtures("te")
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"weights_dtype": torch.float64}, r"weights_dtype=torch.float64.*must be one of torch.bfloat16"),
        ({"fp8_format": "e5m2"}, r"fp8_format='e5m2'.*must be 'hybrid' or 'e4m3'"),
        ({"recipe": {"amax_history": 16}}, r"takes no 'amax_history'; allowed: margin, fp8_format, amax_history_len"),
        ({"recipe": {"fp8_format": "E5M2"}}, "does not take.*Pure E5M2"),
        ({"recipe": {"fp8_format": "E9M9"}}, "fp8_format='E9M9'; allowed: E2M1, E4M3, E5M2, HYBRID"),
        ({"recipe": "delayed"}, "'delayed' is neither a mapping such as .* nor an object"),
    ],
)
def test_a_wrong_option_is_echoed_with_what_is_allowed(options: dict[str, Any], message: str) -> None:
    with pytest.raises(PrecisionError, match=message):
        TransformerEnginePrecision(**options)


@pytest.mark.usefixtures("te")
def test_a_format_beside_a_recipe_object_is_refused() -> None:
    from transformer_engine.common.recipe import DelayedScaling  # noqa: PLC0415 (in reach through the fixture)

    with pytest.raises(PrecisionError, match=r"fp8_format='e4m3'.*recipe object, which has a format of its own"):
        TransformerEnginePrecision(recipe=DelayedScaling(), fp8_format="e4m3")


@pytest.mark.usefixtures("te")
def test_a_recipe_that_the_device_cannot_follow_is_refused() -> None:
    from transformer_engine.common.recipe import MXFP8BlockScaling  # noqa: PLC0415 (in reach through the fixture)

    with pytest.raises(
        PrecisionError, match=r"MXFP8BlockScaling cannot run on this device: .* from 10.0 to below 12.0"
    ):
        TransformerEnginePrecision(recipe=MXFP8BlockScaling())


@pytest.mark.usefixtures("te")
def test_fp8_on_volta_is_refused_with_the_way_out() -> None:
    with pytest.raises(PrecisionError, match=r"8\.9 \(Ada\), and this device has 7\.0\. .*emulate=True"):
        on((7, 0))()


@pytest.mark.usefixtures("te")
@pytest.mark.parametrize(
    ("versions", "message"),
    [(("11.8", "12.1.3.1"), "CUDA 12.1 or newer"), (("12.1", "12.1.0.26"), "cuBLASLt 12.1.3 or newer")],
)
def test_old_libraries_on_ada_are_refused(versions: tuple[str, str], message: str) -> None:
    with pytest.raises(PrecisionError, match=message):
        on((8, 9), *versions)()


def test_what_transformer_engine_itself_refuses_is_told(te: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(te, "_UNAVAILABLE", "CublasLt version 12.1.3.x or higher required for FP8 execution on Ada.")
    with pytest.raises(PrecisionError, match=r"cannot run Transformer Engine: CublasLt version 12.1.3.x or higher"):
        TransformerEnginePrecision()


def test_a_version_without_is_fp8_available_is_believed(te: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(te, "is_fp8_available")
    assert "transformer-engine" == TransformerEnginePrecision().precision


def test_a_missing_package_comes_with_the_pip_command() -> None:
    with pytest.raises(MissingPackageError, match=r"pip install --no-build-isolation 'transformer-engine\[pytorch\]'"):
        on((9, 0))()


def test_a_missing_package_is_a_missing_module_too() -> None:
    with pytest.raises(ModuleNotFoundError, match="pip install"):
        TransformerEnginePrecision()


@pytest.mark.skipif(torch.cuda.is_available(), reason="needs a torch that sees no GPU")
def test_on_a_machine_without_a_gpu_the_hardware_is_named_before_the_package() -> None:
    with pytest.raises(
        MissingPackageError, match=r"This machine cannot run Transformer Engine: .* NVIDIA GPU .* not inst"
    ):
        Engine("transformer-engine", accelerator="cpu")


@pytest.mark.usefixtures("te")
def test_a_package_that_cannot_be_imported_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    class Broken:
        def find_spec(self, name: str, *_: object) -> None:
            if name == "transformer_engine.common.recipe":
                raise OSError("libtransformer_engine.so: cannot open shared object file")

    monkeypatch.delitem(sys.modules, "transformer_engine.common.recipe")
    monkeypatch.setattr(sys, "meta_path", [Broken(), *sys.meta_path])
    with pytest.raises(PrecisionError, match=r"installed and cannot be imported: OSError: libtransformer_engine.so"):
        TransformerEnginePrecision()


@pytest.mark.usefixtures("te")
def test_a_plugin_made_for_the_gpu_does_not_run_on_the_cpu() -> None:
    class OnTheGpu(TransformerEnginePrecision):
        machine = Machine(capability=(9, 0))

    with pytest.raises(PrecisionError, match="is made for device 'cuda', but the model runs on 'cpu'"):
        Engine(plugins=OnTheGpu(), accelerator="cpu")


@pytest.mark.usefixtures("te")
def test_a_plugin_and_a_precision_both_given_are_refused() -> None:
    with pytest.raises(PrecisionError, match="One precision at a time"):
        Engine("transformer-engine", accelerator="cpu", plugins=TransformerEnginePrecision())


def test_contexts_are_left_after_an_exception(te: Any) -> None:
    plugin = TransformerEnginePrecision()
    with suppress(KeyError), plugin.forward_context():
        assert (True, torch.bfloat16) == (te._state.enabled, torch.get_default_dtype())
        assert torch.is_autocast_enabled("cpu")
        raise KeyError
    assert (False, None, torch.float32) == (te._state.enabled, te._state.recipe, torch.get_default_dtype())
    assert not torch.is_autocast_enabled("cpu")


def test_what_could_be_entered_is_left_when_the_rest_cannot(te: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise RuntimeError("no FP8 today")

    plugin = TransformerEnginePrecision()
    monkeypatch.setattr(te.autocast, "__enter__", refuse)
    with pytest.raises(RuntimeError, match="no FP8 today"):
        plugin.forward_context().__enter__()
    assert torch.float32 == torch.get_default_dtype()
    assert not torch.is_autocast_enabled("cpu")


def test_the_default_dtype_of_the_moment_of_entry_is_restored() -> None:
    plugin = TransformerEnginePrecision(emulate=True)
    context = plugin.forward_context()
    torch.set_default_dtype(torch.float64)
    try:
        with context:
            pass
        assert torch.float64 == torch.get_default_dtype()
    finally:
        torch.set_default_dtype(torch.float32)


def test_an_older_version_is_entered_through_fp8_autocast(te: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    entered = te.autocast

    def old(enabled: bool, fp8_recipe: Any) -> Any:  # noqa: FBT001 (the signature of the library)
        return entered(enabled, recipe=fp8_recipe)

    monkeypatch.delattr(te, "autocast")
    monkeypatch.setattr(te, "fp8_autocast", old)
    assert "DelayedScaling" == type(recipe_inside(te, TransformerEnginePrecision())).__name__


def test_inference_without_a_history_takes_current_scaling(te: Any) -> None:
    plugin = TransformerEnginePrecision()
    with torch.no_grad():
        assert "Float8CurrentScaling" == type(recipe_inside(te, plugin)).__name__
    plugin.pre_backward(torch.zeros(()))
    with torch.inference_mode():
        assert "DelayedScaling" == type(recipe_inside(te, plugin)).__name__


def test_a_recipe_that_was_asked_for_is_taken_in_inference_too(te: Any) -> None:
    with torch.no_grad():
        assert "DelayedScaling" == type(recipe_inside(te, TransformerEnginePrecision(recipe=GUIDE))).__name__


def compiled(how: str) -> Any:
    """Return a model that is compiled as a whole, in a part, or in place."""
    model: Any = nn.Sequential(nn.Linear(16, 16))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what torch.compile itself deprecates is not our subject
        if how == "in place":
            model.compile(backend="eager")
            return model
        if how == "part":
            model[0] = torch.compile(model[0], backend="eager")
            return model
        return torch.compile(model, backend="eager")


@pytest.mark.parametrize("how", ["whole", "part", "in place"])
def test_a_compiled_model_never_gets_delayed_scaling(te: Any, how: str) -> None:
    plugin = TransformerEnginePrecision()
    plugin.convert_module(compiled(how))
    assert "Float8CurrentScaling" == type(recipe_inside(te, plugin)).__name__
    with pytest.raises(PrecisionError, match=r"Delayed scaling cannot run under torch.compile"):
        TransformerEnginePrecision(recipe=GUIDE).convert_module(compiled(how))


def test_a_forward_that_is_being_compiled_gets_current_scaling(te: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    plugin = TransformerEnginePrecision()
    monkeypatch.setattr(torch.compiler, "is_compiling", lambda: True)
    assert "Float8CurrentScaling" == type(recipe_inside(te, plugin)).__name__
    with pytest.raises(PrecisionError, match=r"Delayed scaling cannot run under torch.compile"):
        TransformerEnginePrecision(recipe=GUIDE).forward_context()
