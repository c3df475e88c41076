"""Contract tests for third parties: subclass one, say how your part is made, and pytest does the rest.

class TestMyPrecision(PrecisionContract):
    def make(self) -> Precision:
        return MyPrecision()
"""

import copy
import io
from abc import ABC, abstractmethod
from contextlib import closing
from typing import Any

import torch
from torch import nn

from autoprec_runner.engine import Engine
from autoprec_runner.precision.base import Precision
from autoprec_runner.precision.contexts import DefaultDtype, Float32Matmul

_GLOBALS = (
    torch.get_default_dtype,
    torch.is_autocast_cache_enabled,
    torch.get_float32_matmul_precision,
    lambda: torch.is_autocast_enabled("cpu"),
    lambda: torch.get_autocast_dtype("cpu"),
)


class PrecisionContract(ABC):
    """What every precision plugin keeps, whatever its numbers are: see `autoprec_runner.precision.Precision`."""

    device = "cpu"
    """The accelerator on which the contract is checked."""

    width = 4
    """Features of every layer and rows of a batch, for precisions that take certain multiples only."""

    clips = True
    """Whether `clip_gradients` clips; under DeepSpeed, the step does."""

    @abstractmethod
    def make(self) -> Precision:
        """Return a fresh plugin."""

    def make_engine(self, plugin: Precision) -> Engine:
        """Return an engine that runs `plugin`, under the strategy that it is made for; it is closed by the caller."""
        return Engine(plugin, accelerator=self.device)

    def make_model(self) -> nn.Module:
        """Return a small model with what conversion can break: sharing, buffers of several kinds, frozen weights."""
        torch.manual_seed(0)
        return _Probe(self.width)

    def make_inputs(self) -> torch.Tensor:
        """Return a batch for `make_model`, float32."""
        torch.manual_seed(1)
        return torch.randn(self.width, self.width)

    def test_it_names_its_precision(self) -> None:
        """A plugin says which string it answers to."""
        assert self.make().precision

    def test_converting_twice_changes_nothing(self) -> None:
        """`convert_module` of a converted module returns it with the same tensors."""
        plugin = self.make()
        once = plugin.convert_module(self.make_model())
        before = {name: (id(each), each.dtype) for name, each in _tensors(once).items()}
        twice = plugin.convert_module(once)
        assert before == {name: (id(each), each.dtype) for name, each in _tensors(twice).items()}

    def test_conversion_keeps_sharing_mode_and_requires_grad(self) -> None:
        """Tied weights stay tied, frozen ones frozen, and a module in eval mode stays in it."""
        model = self.make_model()
        model.get_submodule("frozen").eval()
        modes = {name: each.training for name, each in model.named_modules()}
        required = {name: each.requires_grad for name, each in model.named_parameters()}
        converted = self.make().convert_module(model)
        assert required == {name: each.requires_grad for name, each in converted.named_parameters()}
        assert len(list(model.parameters())) == len(list(converted.parameters()))
        assert modes == {name: each.training for name, each in converted.named_modules()}

    def test_conversion_keeps_names_and_parameters(self) -> None:
        """State-dict keys stay, and so do the parameters that an optimizer was made with."""
        model = self.make_model()
        keys, parameters = list(model.state_dict()), dict(model.named_parameters(remove_duplicate=False))
        converted = self.make().convert_module(model)
        assert set(keys).issubset(converted.state_dict())
        kept = dict(converted.named_parameters(remove_duplicate=False))
        assert list(parameters) == list(kept)
        assert all(parameters[name] is kept[name] for name in parameters)

    def test_conversion_keeps_what_is_used_twice_one(self) -> None:
        """A layer under two names stays one layer, and a buffer of two owners one buffer."""
        converted = self.make().convert_module(self.make_model())
        assert converted.get_submodule("first") is converted.get_submodule("again")
        assert converted.get_buffer("floating") is converted.get_submodule("frozen").get_buffer("floating")

    def test_conversion_keeps_hooks(self) -> None:
        """Hooks that were registered before are called, once each, around a forward."""
        calls: list[str] = []
        with closing(self.make_engine(self.make())) as engine:
            model = self.make_model()
            for name in ("", "first", "frozen"):
                model.get_submodule(name).register_forward_hook(lambda *_, name=name: calls.append(name))
            engine.setup(model)(engine.to_device(self.make_inputs()))
        assert calls == ["first", "first", "frozen", ""]  # the first layer is called twice

    def test_a_model_that_is_one_layer_is_run_in_the_precision(self) -> None:
        """There is no parent in which it could be replaced; its numbers are still those of the precision."""
        with closing(self.make_engine(self.make())) as engine:
            torch.manual_seed(0)
            layer = nn.Linear(self.width, self.width)
            expected = layer(self.make_inputs()).detach()
            output = engine.setup(layer)(engine.to_device(self.make_inputs()))
            assert output.dtype == torch.get_default_dtype()
            assert (output.cpu() - expected).norm() <= 0.3 * expected.norm()

    def test_integer_bool_and_complex_tensors_stay(self) -> None:
        """Only floating-point tensors are converted, in modules as in inputs and outputs."""
        plugin = self.make()
        data = {"int": torch.ones(2, dtype=torch.int64), "bool": torch.ones(2, dtype=torch.bool), "text": "x"}
        data["complex"] = torch.tensor([1 + 2j], dtype=torch.complex64)
        for convert in (plugin.convert_input, plugin.convert_output):
            assert convert(data) is data
            assert convert(nested := [data, (data, {"deep": data})]) is nested
        converted = plugin.convert_module(self.make_model())
        kept = {name: each.dtype for name, each in converted.named_buffers() if not name.endswith("floating")}
        assert {"integer": torch.int64, "flag": torch.bool, "wave": torch.complex64} == kept

    def test_the_data_of_the_user_is_not_modified(self) -> None:
        """Conversion returns new containers where something changes."""
        plugin = self.make()
        data = {"x": [torch.ones(2), torch.ones(2, dtype=torch.float64)]}
        plugin.convert_input(data)
        plugin.convert_output(data)
        assert [torch.float32, torch.float64] == [each.dtype for each in data["x"]]

    def test_inputs_are_converted_once(self) -> None:
        """What has the right dtype already is handed on as the same object, and so is what holds it."""
        plugin = self.make()
        for convert in (plugin.convert_input, plugin.convert_output):
            once = convert({"x": [torch.ones(2), torch.ones(2, dtype=torch.float64)]})
            assert convert(once) is once

    def test_contexts_restore_what_was_there_at_entry(self) -> None:
        """Also nested, after an exception, and where a setting has changed since the context was made."""
        plugin = self.make()
        for make in (plugin.forward_context, plugin.module_init_context, plugin.tensor_init_context):
            context = make()
            with Float32Matmul("high", DefaultDtype(torch.float64)):
                before = _settings()
                try:
                    with context, make():
                        raise KeyError  # noqa: TRY301 (the point of the test)
                except KeyError:
                    pass
                assert before == _settings()

    def test_contexts_nest(self) -> None:
        """What the inner one leaves is what the outer one has set."""
        plugin = self.make()
        for make in (plugin.forward_context, plugin.module_init_context, plugin.tensor_init_context):
            with make():
                inside = _settings()
                with make():
                    pass
                assert inside == _settings()

    def test_outputs_have_the_default_dtype(self) -> None:
        """What a forward returns can be used beside the user's own tensors."""
        with closing(self.make_engine(self.make())) as engine:
            model = engine.setup(self.make_model())
            assert torch.get_default_dtype() == model(engine.to_device(self.make_inputs())).dtype

    def test_training_changes_the_parameters_and_stays_finite(self) -> None:
        """A few steps through an engine, with clipping, move the parameters to finite values."""
        with closing(self.make_engine(self.make())) as engine:
            model = self.make_model()
            model, optimizer = engine.setup(model, torch.optim.SGD(model.parameters(), lr=0.1))
            before = copy.deepcopy(model.state_dict())
            for _ in range(3):
                optimizer.zero_grad()
                engine.backward(model(engine.to_device(self.make_inputs())).square().mean())
                if self.clips:
                    engine.clip_gradients(model, optimizer, max_norm=1.0)
                optimizer.step()
            after = model.state_dict()
            assert any(not torch.equal(before[name], after[name]) for name in before)
            assert all(bool(torch.isfinite(each).all()) for each in after.values())

    def test_state_survives_a_checkpoint(self) -> None:
        """The state of a plugin that has run can be saved, loaded without pickle and taken over by a fresh one."""
        plugin = self.make()
        with closing(self.make_engine(plugin)) as engine:
            model = self.make_model()
            model, optimizer = engine.setup(model, torch.optim.SGD(model.parameters(), lr=0.1))
            engine.backward(model(engine.to_device(self.make_inputs())).square().mean())
            optimizer.step()
        file = io.BytesIO()
        torch.save(plugin.state_dict(), file)
        file.seek(0)
        fresh = self.make()
        fresh.load_state_dict(torch.load(file, weights_only=True))
        assert plugin.state_dict() == fresh.state_dict()


class _Probe(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = nn.Linear(width, width)
        self.tied = nn.Linear(width, width)
        self.tied.weight = self.first.weight
        self.again = self.first
        self.frozen = nn.Linear(width, width).requires_grad_(requires_grad=False)
        self.register_buffer("floating", torch.ones(4))
        self.frozen.register_buffer("floating", self.get_buffer("floating"))
        self.register_buffer("integer", torch.arange(4))
        self.register_buffer("flag", torch.ones(4, dtype=torch.bool))
        self.register_buffer("wave", torch.tensor([1 + 2j], dtype=torch.complex64))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        hidden: torch.Tensor = self.frozen(self.again(self.tied(torch.relu(self.first(x)))))
        return hidden


def _tensors(module: nn.Module) -> dict[str, torch.Tensor]:
    return {**dict(module.named_parameters(remove_duplicate=False)), **dict(module.named_buffers())}


def _settings() -> list[Any]:
    return [setting() for setting in _GLOBALS]
