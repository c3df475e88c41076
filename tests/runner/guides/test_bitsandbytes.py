"""The bitsandbytes examples of the precision guides, written with `Engine`, and run."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

bnb = pytest.importorskip("bitsandbytes", reason="needs bitsandbytes")

from autoprec_runner.engine import Engine
from autoprec_runner.precision import BitsandbytesPrecision, weight_bytes
from autoprec_runner.precision.bitsandbytes import layers

STEPS = 20


class MyModel(nn.Module):
    """A character model: embedding, two hidden layers, a head."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.embed_tokens = nn.Embedding(64, 128)
        self.block = nn.Sequential(nn.Linear(128, 256), nn.GELU(), nn.Linear(256, 128))
        self.norm = nn.LayerNorm(128)
        self.lm_head = nn.Linear(128, 64)
        self.inside: list[torch.dtype] = []

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        hidden = self.block(self.embed_tokens(tokens))
        self.inside = [hidden.dtype, torch.zeros(1).dtype]
        output: torch.Tensor = self.lm_head(self.norm(hidden))
        return output


def tokens() -> torch.Tensor:
    return torch.randint(64, (4, 16), generator=torch.Generator().manual_seed(1))


def train(engine: Engine, model: nn.Module, optimizer: torch.optim.Optimizer) -> list[float]:
    model, optimizer = engine.setup(model, optimizer)
    losses = []
    for _ in range(STEPS):
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(tokens()).flatten(0, 1), tokens().roll(-1, 1).flatten())
        engine.backward(loss)
        optimizer.step()
        losses.append(loss.item())
    return losses


def is_quantized(module: nn.Module) -> bool:
    return isinstance(module, layers.QUANTIZED)


def test_picking_out_the_compute_dtype_automatically() -> None:
    # this will pick out the compute dtype automatically: bfloat16 where the device computes it natively
    precision = BitsandbytesPrecision(mode="nf4-dq")
    engine = Engine(plugins=precision, accelerator="cpu")
    model = engine.setup(MyModel()).eval()
    before = weight_bytes(MyModel())
    with torch.inference_mode():
        output = model(tokens())
    assert torch.float32 == output.dtype
    assert precision.dtype == model.inside[1]
    assert all(map(is_quantized, (model.block[0], model.block[2], model.lm_head)))
    assert torch.uint8 == model.lm_head.weight.dtype
    assert weight_bytes(model) < before / 3  # the embedding stays


def test_customizing_the_dtype_and_ignoring_some_modules() -> None:
    precision = BitsandbytesPrecision(mode="int8-training", dtype=torch.float16, ignore_modules={"lm_head"})
    engine = Engine(plugins=precision, accelerator="cpu")
    model = MyModel()
    losses = train(engine, model, torch.optim.SGD(model.parameters(), lr=0.5))
    assert losses[-1] < 0.9 * losses[0]
    assert type(model.lm_head) is nn.Linear
    assert (torch.float16, torch.float32) == (model.block[0].weight.dtype, model.lm_head.weight.dtype)
    assert torch.float16 == model.inside[1]
    gradients = engine.effective_dtypes(model).gradients
    assert gradients is not None
    assert {"float16", "float32"} == set(gradients.split(", "))


def test_initializing_the_model_with_quantized_layers_directly() -> None:
    engine = Engine(plugins=BitsandbytesPrecision(mode="nf4"), accelerator="cpu")
    with engine.init_module():
        model = MyModel()
    assert is_quantized(model.lm_head)
    assert weight_bytes(model) < weight_bytes(MyModel()) / 4
    model = engine.setup(model)
    assert torch.float32 == model(tokens()).dtype


@pytest.mark.parametrize("mode", ["int8", "nf4"])
def test_8_bit_and_4_bit_quantization(mode: str, tmp_path: Path) -> None:
    engine = Engine(precision=f"bnb-{mode}", accelerator="cpu")
    model = engine.setup(MyModel()).eval()
    with torch.inference_mode():
        expected = model(tokens())
    engine.save(tmp_path / "quantized.ckpt", {"model": model})
    again = Engine(precision=f"bnb-{mode}", accelerator="cpu")
    other = again.setup(MyModel()).eval()
    again.load(tmp_path / "quantized.ckpt", {"model": other})
    with torch.inference_mode():
        assert torch.equal(expected, other(tokens()))


def test_4_bit_normal_float_with_modules_left_out() -> None:
    precision = BitsandbytesPrecision(mode="nf4", dtype=torch.bfloat16, ignore_modules={"lm_head", "embed_tokens"})
    engine = Engine(precision=precision, accelerator="cpu")
    model = engine.setup(MyModel())
    model(tokens())
    assert [True, True, False] == [is_quantized(each) for each in (model.block[0], model.block[2], model.lm_head)]
    assert torch.bfloat16 == model.inside[1]
    assert "`lm_head` (ignored by 'lm_head')" in str(precision.report)


def test_an_8_bit_optimizer_with_embeddings_in_32_bit() -> None:
    model = MyModel()
    optimizer = bnb.optim.Adam8bit(model.parameters(), lr=0.001, betas=(0.9, 0.995))
    # (optional) force embedding layers to use 32 bit for numerical stability
    manager = bnb.optim.GlobalOptimManager.get_instance()
    for module in model.modules():
        if isinstance(module, nn.Embedding):
            manager.register_module_override(module, "weight", {"optim_bits": 32})
    try:
        losses = train(Engine("bf16-mixed", accelerator="cpu"), model, optimizer)
    finally:
        manager.initialize()  # it is the process's, and holds the model
    assert losses[-1] < losses[0]
    states = [optimizer.state[each.weight]["state1"].dtype for each in (model.embed_tokens, model.block[0])]
    assert [torch.float32, torch.uint8] == states


@pytest.mark.parametrize("mode", ["nf4", "nf4-dq", "fp4", "fp4-dq"])
def test_the_configuration_for_hugging_face_in_4_bit(mode: Any) -> None:
    pytest.importorskip("transformers", reason="makes its configuration")
    config = BitsandbytesPrecision(mode, dtype=torch.bfloat16, ignore_modules={"lm_head"}).setup_bnb_config()
    assert config.load_in_4bit
    assert mode == config.bnb_4bit_quant_type + ("-dq" if config.bnb_4bit_use_double_quant else "")
    assert (torch.bfloat16, ["lm_head"]) == (config.bnb_4bit_compute_dtype, config.llm_int8_skip_modules)


@pytest.mark.parametrize("mode", ["int8", "int8-training"])
def test_the_configuration_for_hugging_face_in_8_bit(mode: Any) -> None:
    pytest.importorskip("transformers", reason="makes its configuration")
    config = BitsandbytesPrecision(mode).setup_bnb_config()
    assert config.load_in_8bit
    assert (mode == "int8-training") == config.llm_int8_has_fp16_weight
    assert config.llm_int8_skip_modules is None
