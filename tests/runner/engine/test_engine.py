import copy
import inspect
import pickle
import threading
from collections.abc import Iterator
from typing import Any

import cloudpickle
import pytest
import torch
from torch import nn

from autoprec_runner.engine import Engine
from autoprec_runner.errors import PrecisionError
from autoprec_runner.precision import HalfPrecision, MixedPrecision, Precision

INSIDE = {
    "32-true": torch.float32,
    "64-true": torch.float64,
    "16-true": torch.float16,
    "bf16-true": torch.bfloat16,
    "16-mixed": torch.float16,
    "bf16-mixed": torch.bfloat16,
}
PARAMETERS = {**INSIDE, "16-mixed": torch.float32, "bf16-mixed": torch.float32}


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(4, 2)
        self.seen: dict[str, Any] = {}

    def forward(self, x: torch.Tensor, *, scale: float = 1.0, extra: Any = None) -> torch.Tensor:
        output: torch.Tensor = self.linear(x) * scale
        self.seen = {"input": x.dtype, "output": output.dtype, "new": torch.zeros(1).dtype, "extra": extra}
        return output

    def training_step(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.dtype]:
        hidden = self(x)
        return hidden.sum(), hidden.dtype


class Recursive(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(2, 2)

    def forward(self, x: torch.Tensor, depth: int) -> torch.Tensor:
        output: torch.Tensor = self.linear(x)
        return self.forward(output, depth - 1) if depth else output


def engine(precision: str = "bf16-true", **options: Any) -> Engine:
    return Engine(precision, accelerator="cpu", **options)


def compile_eagerly(model: nn.Module) -> Any:
    return torch.compile(model, backend="eager")


def batch() -> torch.Tensor:
    torch.manual_seed(0)
    return torch.randn(3, 4)


@pytest.mark.parametrize("precision", INSIDE)
def test_a_forward_runs_in_its_precision_and_returns_the_default_dtype(precision: str) -> None:
    model = engine(precision).setup(Net())
    output = model(batch())
    assert torch.float32 == output.dtype
    assert PARAMETERS[precision] == model.linear.weight.dtype
    assert (INSIDE[precision], INSIDE[precision]) == (model.seen["input"], model.seen["output"])


@pytest.mark.parametrize("precision", ["16-true", "bf16-true", "64-true"])
def test_tensors_created_in_a_true_precision_forward_have_its_dtype(precision: str) -> None:
    model = engine(precision).setup(Net())
    model(batch())
    assert INSIDE[precision] == model.seen["new"]
    assert torch.float32 == torch.get_default_dtype()


def test_calling_forward_directly_gets_the_precision_too() -> None:
    model = engine().setup(Net())
    assert torch.equal(model(batch()), model.forward(batch()))
    assert torch.bfloat16 == model.seen["input"]
    assert torch.float32 == engine().setup(Net()).forward(batch()).dtype


def test_keyword_arguments_are_converted_and_integers_are_not() -> None:
    model, tokens = engine().setup(Net()), torch.arange(3)
    model(x=batch(), extra=[tokens, torch.ones(1)])
    assert model.seen["extra"][0] is tokens
    assert (torch.bfloat16, torch.bfloat16) == (model.seen["input"], model.seen["extra"][1].dtype)


@pytest.mark.parametrize("precision", INSIDE)
def test_gradients_and_optimizer_state_have_the_dtype_of_the_parameters(precision: str) -> None:
    run = engine(precision)
    model = Net()
    model, optimizer = run.setup(model, torch.optim.Adam(model.parameters(), eps=1e-4))
    run.backward(model(batch()).mean() / 8)  # small enough for the first scale
    optimizer.step()
    state = optimizer.state[model.linear.weight]
    assert PARAMETERS[precision] == model.linear.weight.grad.dtype == state["exp_avg"].dtype


@pytest.mark.parametrize("precision", INSIDE)
def test_effective_dtypes_say_what_runs(precision: str) -> None:
    run = engine(precision)
    model = Net()
    model, optimizer = run.setup(model, torch.optim.Adam(model.parameters(), eps=1e-4))
    before = run.effective_dtypes(model, optimizer)
    assert (None, None) == (before.gradients, before.optimizer_state)
    run.backward(model(batch()).mean() / 8)  # small enough for the first scale
    optimizer.step()
    kept, compute = (str(each[precision]).removeprefix("torch.") for each in (PARAMETERS, INSIDE))
    effective = run.effective_dtypes(model, optimizer)
    assert (kept, compute, compute) == (effective.parameters, effective.compute, effective.inputs)
    assert (kept, kept, None) == (effective.gradients, effective.optimizer_state, effective.reduction)


def test_effective_dtypes_name_every_dtype_that_occurs() -> None:
    model = nn.ModuleList([nn.Linear(1, 1), nn.Linear(1, 1, bias=False).double()])
    assert engine("32-true").effective_dtypes(model).parameters == "float32, float64"


def test_set_up_changes_neither_type_nor_attributes_nor_state_dict_keys() -> None:
    net = Net()
    keys = list(net.state_dict())
    model = engine().setup(net)
    assert model is net
    assert type(model) is Net
    assert keys == list(model.state_dict())
    assert inspect.signature(Net().forward) == inspect.signature(model.forward)
    assert model.forward.__name__ == "forward"


def test_hooks_of_the_module_keep_running() -> None:
    net, calls = Net(), []
    net.register_forward_hook(lambda *_: calls.append("after"))
    net.register_forward_pre_hook(lambda *_: calls.append("before"))
    engine().setup(net)(batch())
    assert ["before", "after"] == calls


def test_setting_up_twice_changes_nothing_and_by_another_engine_is_refused() -> None:
    run = engine()
    model = run.setup(Net())
    forward = model.forward
    assert run.setup(model).forward is forward
    with pytest.raises(PrecisionError, match="another engine with 'bf16-true'"):
        engine("32-true").setup(model)


def test_a_forward_that_was_patched_on_the_instance_is_kept() -> None:
    net = Net()
    net.__dict__["forward"] = lambda x: (x, x.dtype)
    output, inside = engine().setup(net)(batch())
    assert (torch.float32, torch.bfloat16) == (output.dtype, inside)


@pytest.mark.parametrize("clone", [copy.deepcopy, lambda model: cloudpickle.loads(cloudpickle.dumps(model))])
def test_a_copy_keeps_its_precision_and_is_independent(clone: Any) -> None:
    model = engine().setup(Net())
    twin = clone(model)
    twin.linear.weight.data.zero_()
    twin.linear.bias.data.zero_()
    assert torch.equal(torch.zeros(3, 2), twin(batch()))
    assert torch.bfloat16 == twin.seen["input"]
    assert {} == model.seen


def test_a_deep_copy_belongs_to_the_same_engine() -> None:
    run = engine("16-mixed")
    model = Net()
    model, optimizer = run.setup(model, torch.optim.SGD(model.parameters()))
    twin, other = copy.deepcopy((model, optimizer))
    assert run.setup(twin) is twin
    assert other.plugin is optimizer.plugin
    assert other.param_groups[0]["params"][0] is twin.linear.weight


@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed", "bf16-true"])
@pytest.mark.parametrize("compile_first", [True, False])
def test_compiled_modules_run_in_their_precision(precision: str, compile_first: bool) -> None:  # noqa: FBT001
    run = engine(precision)
    expected = run.setup(copy.deepcopy(nn.Sequential(plain := nn.Linear(4, 2))))(batch())
    model = nn.Sequential(plain)
    compiled = run.setup(compile_eagerly(model)) if compile_first else compile_eagerly(run.setup(model))
    assert torch.equal(expected, compiled(batch()))
    torch.compiler.reset()


def test_a_marked_method_runs_in_one_precision_from_end_to_end() -> None:
    run = engine()
    model = run.setup(Net())
    _, outside = model.training_step(batch())
    assert torch.float32 == outside
    run.mark_forward_method(model, "training_step")
    loss, inside = model.training_step(batch())
    assert (torch.float32, torch.bfloat16) == (loss.dtype, inside)
    run.mark_forward_method(model, model.training_step)
    assert torch.float32 == model(batch()).dtype


def test_a_forward_that_calls_itself_is_converted_once() -> None:
    assert torch.float32 == engine().setup(Recursive())(torch.ones(1, 2), 3).dtype


def test_the_precision_is_back_after_an_exception_in_forward() -> None:
    model = engine().setup(Net())
    with pytest.raises(RuntimeError):
        model(torch.ones(1, 5))
    assert torch.float32 == torch.get_default_dtype()
    assert torch.float32 == model(batch()).dtype


def test_threads_do_not_share_where_they_are() -> None:
    barrier, dtypes = threading.Barrier(2), []

    class Waiting(Net):
        def forward(self, x: torch.Tensor, **_: Any) -> torch.Tensor:
            barrier.wait(timeout=10)
            dtypes.append(x.dtype)
            return x

    model = engine("bf16-mixed").setup(Waiting())
    threads = [threading.Thread(target=model, args=(batch(),)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [torch.bfloat16, torch.bfloat16] == dtypes


@pytest.mark.parametrize(
    ("name", "message"),
    [("forward", "already"), ("no_such_method", "no method 'no_such_method'"), ("seen", "no method 'seen'")],
)
def test_only_methods_can_be_marked(name: str, message: str) -> None:
    run = engine()
    with pytest.raises(PrecisionError, match=message):
        run.mark_forward_method(run.setup(Net()), name)


def test_a_model_must_be_set_up_before_a_method_is_marked() -> None:
    with pytest.raises(PrecisionError, match="not set up"):
        engine().mark_forward_method(Net(), "training_step")


def test_autocast_covers_what_is_outside_of_the_model() -> None:
    with engine("bf16-mixed").autocast():
        assert torch.bfloat16 == (torch.ones(2, 2) @ torch.ones(2, 2)).dtype
    with pytest.raises(KeyError), engine("bf16-true").autocast():
        raise KeyError
    assert torch.float32 == torch.get_default_dtype()


@pytest.mark.parametrize("precision", INSIDE)
def test_modules_and_tensors_are_created_in_the_dtype_they_are_kept_in(precision: str) -> None:
    run = engine(precision)
    with run.init_module():
        assert PARAMETERS[precision] == nn.Linear(2, 2).weight.dtype
    with run.init_tensor():
        assert PARAMETERS[precision] == torch.ones(1).dtype
    assert torch.float32 == torch.ones(1).dtype


def test_empty_init_leaves_weights_uninitialized() -> None:
    torch.manual_seed(0)
    state = torch.get_rng_state()
    with engine().init_module(empty_init=True):
        nn.Linear(4, 4)
    assert torch.equal(state, torch.get_rng_state())
    with engine().init_module():
        nn.Linear(4, 4)
    assert not torch.equal(state, torch.get_rng_state())


def test_initialization_settings_are_restored_after_an_exception() -> None:
    with pytest.raises(KeyError), engine("64-true").init_module(empty_init=True):
        raise KeyError
    assert torch.float32 == torch.ones(1).dtype


class Spy(Precision):
    """Notes the matmul precision in which backward runs."""

    def pre_backward(self, tensor: torch.Tensor, module: nn.Module | None = None) -> torch.Tensor:
        self.seen = torch.get_float32_matmul_precision()
        return super().pre_backward(tensor, module)


@pytest.fixture
def high_matmul() -> Iterator[None]:
    torch.set_float32_matmul_precision("high")
    yield
    torch.set_float32_matmul_precision("highest")


@pytest.mark.usefixtures("high_matmul")
def test_matmul_precision_holds_inside_forward_and_backward_only() -> None:
    plugin = Spy()
    run = Engine(plugin, accelerator="cpu", matmul_precision="medium")
    seen: list[str] = []
    net = Net()
    net.register_forward_hook(lambda *_: seen.append(torch.get_float32_matmul_precision()))
    model = run.setup(nn.Sequential(net))
    run.backward(model(batch()).sum())
    with run.autocast():
        seen.append(torch.get_float32_matmul_precision())
    assert (["medium", "medium"], "medium", "high") == (seen, plugin.seen, torch.get_float32_matmul_precision())


def test_without_a_matmul_precision_torch_keeps_its_setting() -> None:
    plugin = Spy()
    run = Engine(plugin, accelerator="cpu")
    run.backward(run.setup(Net())(batch()).sum())
    assert plugin.seen == "highest"


def test_engine_options_are_told_back() -> None:
    plugin = HalfPrecision("bf16-true")
    run = Engine(plugin, accelerator="cpu", matmul_precision="high")
    assert run.precision_plugin is plugin
    assert (torch.device("cpu"), "single", "high") == (run.device, run.strategy, run.matmul_precision)
    assert Engine(plugins=plugin, accelerator="cpu").precision_plugin is plugin
    assert Engine(plugins=[plugin], accelerator="cpu").precision_plugin is plugin
    assert Engine(accelerator="cpu").precision_plugin.precision == "32-true"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"precision": "bf16-mixed", "plugins": Precision()}, "One precision at a time"),
        ({"plugins": [Precision(), Precision()]}, "One precision at a time"),
        ({"plugins": ["bf16-mixed"]}, "takes a precision plugin"),
        ({"precision": "17-mixed"}, "Unknown precision '17-mixed'"),
        ({"strategy": "ddp"}, "not available; allowed: single, fsdp, deepspeed"),
        ({"zero_stage": 2}, "strategy='single' takes no option 'zero_stage'; it takes none at all"),
        ({"strategy": "fsdp", "zero_stage": 2}, "it takes units, mixed_precision"),
        ({"strategy": "fsdp", "precision": "64-true"}, "at most float32; for float64 use strategy='single'"),
        ({"strategy": "fsdp", "precision": Precision()}, "made for strategy 'single', but the engine runs 'fsdp'"),
        ({"matmul_precision": "low"}, "allowed: highest, high, medium"),
        ({"accelerator": "abacus"}, "Unknown accelerator 'abacus'"),
        ({"accelerator": "cuda:first"}, "Unknown accelerator"),
        ({"precision": MixedPrecision("bf16-mixed", "cuda")}, "made for device 'cuda'"),
    ],
)
def test_options_that_cannot_be_honoured_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(PrecisionError, match=message):
        Engine(**{"accelerator": "cpu", **options})


@pytest.mark.skipif(torch.cuda.is_available(), reason="needs a torch that sees no GPU")
@pytest.mark.parametrize("accelerator", ["cuda", "cuda:1", "gpu", "xpu"])
def test_an_accelerator_that_is_not_there_is_refused(accelerator: str) -> None:
    with pytest.raises(PrecisionError, match="was asked for and torch"):
        Engine(accelerator=accelerator)


@pytest.mark.skipif(torch.accelerator.is_available(), reason="needs a machine without accelerators")
def test_auto_is_the_cpu_where_there_is_nothing_else() -> None:
    assert torch.device("cpu") == Engine().device


@pytest.mark.parametrize("wrong", [lambda x: x, None, torch.optim.SGD])
def test_only_modules_can_be_set_up(wrong: Any) -> None:
    with pytest.raises(PrecisionError, match=r"takes a torch\.nn\.Module"):
        engine().setup(wrong)


def test_data_is_moved_where_the_engine_is() -> None:
    data = {"x": [batch()]}
    assert engine().to_device(data) is data
    assert isinstance(engine().to_device(Net()), Net)


def test_an_engine_can_be_pickled() -> None:
    assert pickle.loads(pickle.dumps(engine("16-mixed"))).precision_plugin.precision == "16-mixed"  # noqa: S301
