"""Every example of the precision guides, written with `Engine` and run: twenty steps of a real small model.

`GUIDE` and `API` say which test runs which example; the examples of a backend are in `guides/`.
"""

import ast
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from autoprec_runner.engine import Engine
from autoprec_runner.precision import MixedPrecision

HERE = Path(__file__).parent
XLA = HERE.parent / "xla"
"""Runs in an environment of its own."""

GUIDE = {
    "Select the precision": "test_guides.py::test_a_precision_is_selected_by_its_string",
    "Select it on the command line": "test_guides.py::test_a_script_takes_its_precision_from_the_command_line",
    "FP16 mixed precision": "test_guides.py::test_fp16_mixed_precision",
    "BFloat16 mixed precision": "test_guides.py::test_bfloat16_mixed_precision",
    "FP8 through Transformer Engine, by string": (
        "guides/test_transformer_engine.py::test_select_8_bit_mixed_precision_by_its_string"
    ),
    "FP8 through Transformer Engine, with a recipe": (
        "guides/test_transformer_engine.py::test_customize_the_recipe_or_set_a_different_base_precision"
    ),
    "Layers that are replaced already": (
        "guides/test_transformer_engine.py::test_automatic_replacement_is_not_done_where_a_layer_has_been_replaced_already"
    ),
    "True half precision": "test_guides.py::test_true_half_precision",
    "True half precision from the start": "test_guides.py::test_a_model_is_created_in_half_precision",
    "Quantization, compute dtype picked": (
        "guides/test_bitsandbytes.py::test_picking_out_the_compute_dtype_automatically"
    ),
    "Quantization, dtype and ignored modules": (
        "guides/test_bitsandbytes.py::test_customizing_the_dtype_and_ignoring_some_modules"
    ),
    "Quantization under init_module": (
        "guides/test_bitsandbytes.py::test_initializing_the_model_with_quantized_layers_directly"
    ),
    "An 8-bit optimizer, embeddings in 32 bit": (
        "guides/test_bitsandbytes.py::test_an_8_bit_optimizer_with_embeddings_in_32_bit"
    ),
    "True double precision": "test_guides.py::test_true_double_precision",
    "Double precision from the start, complex tensors": "test_guides.py::test_complex_parameters_are_created_in_double",
    "Precision in forward only": "test_guides.py::test_precision_is_applied_in_forward_only",
    "Precision outside of forward": "test_guides.py::test_precision_is_applied_to_a_loss_under_autocast",
    "16-mixed on a TPU is bfloat16": "../xla/test_training.py::test_16_mixed_says_that_bfloat16_runs",
}
API = {
    "Basic mixed precision": "test_guides.py::test_a_precision_is_selected_by_its_string",
    "Custom AMP configuration": "test_guides.py::test_a_custom_gradient_scaler",
    "BitsAndBytes in 8 and 4 bit": "guides/test_bitsandbytes.py::test_8_bit_and_4_bit_quantization",
    "BitsAndBytes with modules left out": (
        "guides/test_bitsandbytes.py::test_4_bit_normal_float_with_modules_left_out"
    ),
    "DeepSpeed": "strategy/test_deepspeed.py::test_the_example_of_the_guide_trains",
    "FSDP with mixed precision": "guides/test_fsdp.py::test_fsdp_with_mixed_precision",
    "TPU in bfloat16": "../xla/test_training.py::test_twenty_steps_lower_the_loss_in_the_dtypes_of_the_precision",
    "Manual precision control": "test_guides.py::test_manual_autocast",
    "Gradient clipping": "test_guides.py::test_gradients_are_clipped_after_unscaling",
    "Precision state": "test_guides.py::test_the_state_of_the_precision_is_saved_and_loaded",
}
SCRIPT = """
import torch
from autoprec import Engine

engine = Engine(accelerator="cpu")
model = engine.setup(torch.nn.Sequential(torch.nn.Linear(2, 2)))
model[0].register_forward_hook(lambda module, inputs, output: print(output.dtype))
model(torch.ones(1, 2))
"""
STEPS = 20
STRINGS = {
    None: torch.float32,
    "32-true": torch.float32,
    32: torch.float32,
    "32": torch.float32,
    "16-mixed": torch.float16,
    "16-true": torch.float16,
    "bf16-mixed": torch.bfloat16,
    "bf16-true": torch.bfloat16,
    "64-true": torch.float64,
    "64": torch.float64,
    64: torch.float64,
}
"""What a user passes, and what is computed in."""


class MyModel(nn.Module):
    """Tells which of 4 directions a point of 8 coordinates is nearest to; notes the dtypes inside its forward."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.body = nn.Sequential(nn.Linear(8, 32), nn.GELU(), nn.LayerNorm(32))
        self.head = nn.Linear(32, 4)
        self.inside: set[torch.dtype] = set()

    def forward(self, x: Tensor) -> Tensor:
        hidden = self.body[0](x)
        logits: Tensor = self.head(self.body[2](self.body[1](hidden)))
        self.inside |= {x.dtype, hidden.dtype, logits.dtype}
        return logits


class Waves(nn.Module):
    """Mixes the frequencies of its inputs with complex weights."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.filters = nn.Parameter(torch.randn(5, dtype=torch.get_default_dtype()) + 1j * torch.zeros(5))
        self.head = nn.Linear(8, 4)
        self.inside: set[torch.dtype] = set()

    def forward(self, x: Tensor) -> Tensor:
        spectrum = torch.fft.rfft(x) * self.filters
        hidden = torch.fft.irfft(spectrum, n=8)
        self.inside |= {spectrum.dtype, hidden.dtype}
        logits: Tensor = self.head(hidden)
        return logits


@dataclass
class Trained:
    """A model after twenty steps."""

    engine: Engine
    model: Any
    optimizer: Any
    losses: list[float] = field(default_factory=list)

    @property
    def kept_in(self) -> set[torch.dtype]:
        """The dtypes of parameters, gradients and optimizer state."""
        parameters = list(self.model.parameters())
        state = [value for each in self.optimizer.state.values() for key, value in each.items() if key != "step"]
        return {each.dtype for each in (*parameters, *(each.grad for each in parameters), *state)}


def data() -> tuple[Tensor, Tensor]:
    x = torch.randn(64, 8, generator=torch.Generator().manual_seed(1))
    return x, x[:, :4].argmax(1)


def loss_outside(_: Engine, model: Any, x: Tensor, target: Tensor) -> Tensor:
    return cross_entropy(model(x), target)


def loss_inside(engine: Engine, model: Any, x: Tensor, target: Tensor) -> Tensor:
    with engine.autocast():
        return cross_entropy(model(x), target)


def train(
    engine: Engine,
    model: nn.Module | None = None,
    *,
    loss_of: Callable[[Engine, Any, Tensor, Tensor], Tensor] = loss_outside,
    max_norm: float | None = None,
) -> Trained:
    model = MyModel() if model is None else model
    model, optimizer = engine.setup(model, torch.optim.AdamW(model.parameters(), lr=0.02, eps=1e-4))
    trained = Trained(engine, model, optimizer)
    for _ in range(STEPS):
        optimizer.zero_grad()
        loss = loss_of(engine, model, *data())
        engine.backward(loss)
        if max_norm is not None:
            engine.clip_gradients(model, optimizer, max_norm=max_norm)
        optimizer.step()
        trained.losses.append(loss.item())
    assert trained.losses[-1] < 0.7 * trained.losses[0]
    return trained


@pytest.fixture(autouse=True, scope="module")
def _quick(one_thread: None) -> None:
    """Run all of them on one thread."""


@pytest.mark.filterwarnings("ignore:precision=")
@pytest.mark.parametrize("precision", STRINGS)
def test_a_precision_is_selected_by_its_string(precision: Any) -> None:
    trained = train(Engine(precision=precision, accelerator="cpu"))
    kept = torch.float32 if "mixed" in str(precision) else STRINGS[precision]
    assert ({kept}, {STRINGS[precision]}) == (trained.kept_in, trained.model.inside)


def test_a_script_takes_its_precision_from_the_command_line(tmp_path: Path) -> None:
    script = tmp_path / "train.py"
    script.write_text(SCRIPT)
    command = [sys.executable, "-c", "import sys; from autoprec.cli import main; sys.exit(main())", "run", str(script)]
    for started, dtype in (
        ([*command, "--precision=bf16-mixed"], torch.bfloat16),
        ([sys.executable, str(script)], torch.float32),
    ):
        run = subprocess.run(started, capture_output=True, text=True, check=True)
        assert (f"{dtype}\n", "") == (run.stdout, run.stderr)


def test_fp16_mixed_precision() -> None:
    engine = Engine(precision="16-mixed", accelerator="cpu")
    trained = train(engine)
    assert {torch.float16} == trained.model.inside
    assert {torch.float32} == trained.kept_in
    assert engine.precision_plugin.scales_loss
    assert engine.precision_plugin.state_dict()["scale"] > 1


def test_bfloat16_mixed_precision() -> None:
    engine = Engine(precision="bf16-mixed", accelerator="cpu")
    trained = train(engine)
    assert {torch.bfloat16} == trained.model.inside
    assert {torch.float32} == trained.kept_in
    assert not engine.precision_plugin.scales_loss


@pytest.mark.parametrize(("precision", "dtype"), [("16-true", torch.float16), ("bf16-true", torch.bfloat16)])
def test_true_half_precision(precision: str, dtype: torch.dtype) -> None:
    engine = Engine(precision=precision, accelerator="cpu")
    model = engine.setup(MyModel())
    assert {dtype} == {each.dtype for each in model.parameters()}
    assert torch.float32 == model(data()[0]).dtype
    trained = train(engine)
    assert {dtype} == trained.kept_in == trained.model.inside


def test_a_model_is_created_in_half_precision() -> None:
    engine = Engine(precision="bf16-true", accelerator="cpu")
    with engine.init_module():
        model = MyModel()
    assert {torch.bfloat16} == {each.dtype for each in model.parameters()}
    assert {torch.bfloat16} == train(engine, model).kept_in


def test_true_double_precision() -> None:
    trained = train(Engine(precision="64-true", accelerator="cpu"))
    assert {torch.float64} == trained.kept_in == trained.model.inside


def test_complex_parameters_are_created_in_double() -> None:
    engine = Engine(precision="64-true", accelerator="cpu")
    with engine.init_module():
        model = Waves()
    trained = train(engine, model)
    assert {torch.complex128, torch.float64} == trained.kept_in == trained.model.inside
    assert torch.complex128 == trained.model.filters.grad.dtype


def test_precision_is_applied_in_forward_only() -> None:
    engine = Engine(precision="bf16-mixed", accelerator="cpu")
    seen = []

    def loss_function(engine: Engine, model: Any, x: Tensor, target: Tensor) -> Tensor:
        output = model.forward(x)
        seen.append((output.dtype, (output @ output.T).dtype, torch.is_autocast_enabled("cpu")))
        return loss_outside(engine, model, x, target)

    trained = train(engine, loss_of=loss_function)
    assert {(torch.float32, torch.float32, False)} == set(seen)
    assert {torch.bfloat16} == trained.model.inside


def test_precision_is_applied_to_a_loss_under_autocast() -> None:
    seen = []

    def loss_function(engine: Engine, model: Any, x: Tensor, target: Tensor) -> Tensor:
        output = model(x)
        with engine.autocast():
            seen.append((output @ output.T).dtype)
            return cross_entropy(output, target)

    train(Engine(precision="bf16-mixed", accelerator="cpu"), loss_of=loss_function)
    assert {torch.bfloat16} == set(seen)


def test_a_custom_gradient_scaler() -> None:
    scaler = torch.amp.GradScaler("cpu", init_scale=2**16, growth_factor=2.0, backoff_factor=0.5, growth_interval=4)
    plugin = MixedPrecision(precision="16-mixed", device="cpu", scaler=scaler)
    engine = Engine(precision=plugin, accelerator="cpu")
    trained = train(engine)
    assert scaler is plugin.scaler is plugin.setup_scaler()
    assert scaler.get_scale() != 2**16
    assert {torch.float16} == trained.model.inside
    assert {torch.float32} == trained.kept_in


@pytest.mark.parametrize("precision", ["16-mixed", "bf16-mixed"])
def test_manual_autocast(precision: str) -> None:
    trained = train(Engine(precision=precision, accelerator="cpu"), loss_of=loss_inside)
    assert {STRINGS[precision]} == trained.model.inside
    assert {torch.float32} == trained.kept_in


@pytest.mark.parametrize("precision", ["16-mixed", "bf16-mixed"])
def test_gradients_are_clipped_after_unscaling(precision: str) -> None:
    engine = Engine(precision=precision, accelerator="cpu")
    trained = train(engine, loss_of=loss_inside, max_norm=1.0)
    gradients = torch.stack([each.grad.norm() for each in trained.model.parameters()])
    assert gradients.norm() <= 1.001
    assert {torch.float32} == trained.kept_in


@pytest.mark.parametrize("precision", ["16-mixed", "bf16-mixed", "32-true"])
def test_the_state_of_the_precision_is_saved_and_loaded(precision: str, tmp_path: Path) -> None:
    trained = train(Engine(precision=precision, accelerator="cpu"))
    plugin, path = trained.engine.precision_plugin, tmp_path / "checkpoint.ckpt"
    state = {"model": trained.model, "optimizer": trained.optimizer, "precision": plugin.state_dict()}
    trained.engine.save(path, state)
    engine = Engine(precision=precision, accelerator="cpu")
    loaded_state = engine.load(path)
    engine.precision_plugin.load_state_dict(loaded_state["precision"])
    assert plugin.state_dict() == engine.precision_plugin.state_dict()
    assert {"model", "optimizer", "precision"} == set(loaded_state)


def functions_in(path: Path) -> Iterator[str]:
    return (each.name for each in ast.walk(ast.parse(path.read_text())) if isinstance(each, ast.FunctionDef))


@pytest.mark.parametrize(("example", "test"), [*GUIDE.items(), *API.items()])
def test_every_example_has_its_test(example: str, test: str) -> None:
    file, _, name = test.partition("::")
    path = (HERE / file).resolve()
    if path.parent == XLA and not XLA.is_dir():
        pytest.skip(f"{example}: the tests for XLA are not here")
    assert name in set(functions_in(path))
