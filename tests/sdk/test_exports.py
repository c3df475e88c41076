"""The recommended precision in the words of other frameworks."""

import dataclasses
from collections.abc import Callable

import pytest
import torch
from torch import nn
from torch.distributed.fsdp import MixedPrecisionPolicy

from autoprec import exports
from autoprec.exports import ExportError
from autoprec.recommendation import Recommendation
from autoprec_probe import Candidate

Chosen = Callable[..., Recommendation]


@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed", "16-true", "bf16-true", "64-true"])
def test_fabric_takes_the_string(chosen: Chosen, precision: str) -> None:
    fabric = pytest.importorskip("lightning_fabric")
    arguments = chosen(precision).fabric()
    assert precision == fabric.Fabric(accelerator="cpu", devices=1, **arguments)._precision.precision


def test_trainer_takes_the_same_string(chosen: Chosen) -> None:
    assert {"precision": "bf16-mixed"} == chosen("bf16-mixed").trainer()


@pytest.mark.parametrize("framework", ["fabric", "trainer", "accelerate", "transformers"])
def test_what_runs_as_something_else_on_a_cpu_is_refused_there(chosen: Chosen, framework: str) -> None:
    getattr(chosen("16-mixed", device="cuda"), framework)()
    with pytest.raises(ExportError, match=r"instead"):
        getattr(chosen("16-mixed", device="cpu"), framework)()


@pytest.mark.parametrize(("precision", "value"), [("32-true", "no"), ("bf16-mixed", "bf16"), ("16-mixed", "fp16")])
def test_accelerate(chosen: Chosen, precision: str, value: str) -> None:
    assert {"mixed_precision": value} == chosen(precision, device="cuda").accelerate()


@pytest.mark.parametrize("framework", ["accelerate", "transformers"])
@pytest.mark.parametrize("precision", ["16-true", "bf16-true", "64-true"])
def test_hugging_face_has_no_true_precision(chosen: Chosen, framework: str, precision: str) -> None:
    with pytest.raises(ExportError, match=rf"cannot express {precision}\..*load the model with dtype=torch\."):
        getattr(chosen(precision), framework)()


def test_transformers_train(chosen: Chosen) -> None:
    assert {} == chosen("32-true").transformers()
    assert {"bf16": True} == chosen("bf16-mixed").transformers()
    assert {"fp16": True} == chosen("16-mixed", device="cuda").transformers()
    assert {"tf32": True} == chosen("32-true", matmul="high", device="cuda").transformers()


def test_transformers_evaluate_in_true_half_precision(chosen: Chosen) -> None:
    inference = chosen("bf16-true").model_copy(update={"mode": "inference"})
    assert {"bf16_full_eval": True} == inference.transformers()


def test_transformers_know_every_argument() -> None:
    transformers = pytest.importorskip("transformers")
    known = {field.name for field in dataclasses.fields(transformers.TrainingArguments)}
    assert {"fp16", "bf16", "tf32", "bf16_full_eval", "fp16_full_eval"} <= known


def test_deepspeed(chosen: Chosen) -> None:
    assert {} == chosen("32-true").deepspeed()
    assert {"torch_autocast": {"enabled": True, "dtype": "bfloat16"}} == chosen("bf16-mixed").deepspeed()
    assert {"bf16_master_weights_and_grads", "bf16_optimizer_states", "enabled"} == set(
        chosen("bf16-true").deepspeed()["bf16"]
    )


@pytest.mark.parametrize(
    ("precision", "way_out"), [("16-true", "16-mixed"), ("64-true", "It trains in fp32, fp16 or bf16")]
)
def test_deepspeed_cannot_express(chosen: Chosen, precision: str, way_out: str) -> None:
    with pytest.raises(ExportError, match=way_out):
        chosen(precision).deepspeed()


@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed", "16-mixed"])
def test_fsdp_is_a_policy(chosen: Chosen, precision: str) -> None:
    dtypes = {"bf16-mixed": torch.bfloat16, "16-mixed": torch.float16}
    assert dtypes.get(precision) == MixedPrecisionPolicy(**chosen(precision).fsdp()).param_dtype


def test_fsdp_has_no_dtype_for_the_weights(chosen: Chosen) -> None:
    with pytest.raises(ExportError, match=r"model\.to\(torch\.bfloat16\)"):
        chosen("bf16-true").fsdp()


@pytest.mark.parametrize(
    ("precision", "weights", "output"),
    [
        ("32-true", torch.float32, torch.float32),
        ("bf16-mixed", torch.float32, torch.bfloat16),
        ("bf16-true", torch.bfloat16, torch.bfloat16),
        ("64-true", torch.float64, torch.float64),
    ],
)
def test_torch_runs_what_it_says(chosen: Chosen, precision: str, weights: torch.dtype, output: torch.dtype) -> None:
    arguments = chosen(precision).torch()
    model = nn.Linear(2, 2).to(arguments["weights_dtype"])
    with torch.autocast(**arguments["autocast"]):
        result = model(torch.ones(1, 2, dtype=arguments["weights_dtype"]))
    assert (weights, output) == (model.weight.dtype, result.dtype)
    assert not torch.amp.GradScaler(**arguments["grad_scaler"]).is_enabled()


def test_torch_scales_gradients_only_where_it_trains_in_fp16(chosen: Chosen) -> None:
    trained = chosen("16-mixed")
    assert torch.amp.GradScaler(**trained.torch()["grad_scaler"]).is_enabled()
    assert not trained.model_copy(update={"mode": "inference"}).torch()["grad_scaler"]["enabled"]


def test_torch_tells_the_matmul_precision(chosen: Chosen) -> None:
    assert "medium" == chosen("32-true", matmul="medium").torch()["float32_matmul_precision"]


@pytest.mark.parametrize("framework", ["fabric", "trainer", "accelerate", "transformers", "deepspeed", "fsdp"])
def test_a_matmul_precision_is_never_dropped(chosen: Chosen, framework: str) -> None:
    with pytest.raises(ExportError, match=r"torch\.set_float32_matmul_precision\('medium'\)"):
        getattr(chosen("32-true", matmul="medium"), framework)()


@pytest.mark.parametrize("mode", ["train", "inference"])
@pytest.mark.parametrize("framework", ["fabric", "trainer", "accelerate", "transformers", "deepspeed", "fsdp", "torch"])
def test_modules_that_stay_in_fp32_are_never_dropped(chosen: Chosen, framework: str, mode: str) -> None:
    candidate = Candidate(precision="bf16-true", keep_fp32=("encoder.wo",))
    answer = chosen("bf16-true").model_copy(update={"candidate": candidate, "mode": mode})
    assert ("encoder.wo",) == answer.keep_fp32
    with pytest.raises(ExportError, match=r"keep_fp32=\['encoder.wo'\]"):
        getattr(answer, framework)()


@pytest.mark.parametrize("framework", ["fabric", "trainer", "accelerate", "transformers", "deepspeed", "fsdp", "torch"])
def test_a_third_party_precision_is_left_to_the_engine(chosen: Chosen, framework: str) -> None:
    with pytest.raises(ExportError, match=r"cannot express mine-8bit\. Use autoprec\.Engine\(precision='mine-8bit'\)"):
        getattr(chosen("mine-8bit"), framework)()


def test_nothing_is_exported_where_nothing_qualifies(answer_of: Chosen) -> None:
    with pytest.raises(ExportError, match="There is no trial of this workload"):
        answer_of().fabric()


COMPILED = Candidate(precision="bf16-mixed", compile=True)


def test_frameworks_that_compile_are_told_to() -> None:
    assert {"mixed_precision": "bf16", "dynamo_backend": "inductor"} == exports.accelerate(COMPILED, "cuda")
    assert {"bf16": True, "torch_compile": True} == exports.transformers(COMPILED, "cuda", "train")
    assert exports.torch(COMPILED, "cuda", "train")["compile"]


def test_frameworks_that_take_compiled_models_say_so() -> None:
    refusing: list[Callable[[], object]] = [
        lambda: exports.fabric(COMPILED, "cuda"),
        lambda: exports.deepspeed(COMPILED),
        lambda: exports.fsdp(COMPILED),
    ]
    for export in refusing:
        with pytest.raises(ExportError, match=r"no argument for torch\.compile.*call model\.compile\(\)"):
            export()
