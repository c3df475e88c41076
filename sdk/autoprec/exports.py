"""A recommended precision in the words of other frameworks.

Every export returns keyword arguments (or a config) for the framework's own constructor. Where a framework cannot
express what was measured, that is an error with the way out: nothing close to it is ever put in its place.
"""

from typing import TYPE_CHECKING, Any

from autoprec_probe.candidate import Candidate, Device
from autoprec_probe.precision import BITSANDBYTES
from autoprec_runner.trial import Mode

if TYPE_CHECKING:
    from torch import dtype as Dtype  # noqa: N812 (a class of torch with a small name)

_MIXED = {"16-mixed": "float16", "bf16-mixed": "bfloat16"}
_TRUE = {"32-true": "float32", "16-true": "float16", "bf16-true": "bfloat16", "64-true": "float64"}
_FABRIC = {*_MIXED, *_TRUE, "transformer-engine", "transformer-engine-float16"}
_HUGGING_FACE = {"32-true": "no", "16-mixed": "fp16", "bf16-mixed": "bf16"}


class ExportError(ValueError):
    """A framework cannot express the recommended precision; the message says what to do instead."""


def fabric(candidate: Candidate, device: Device, *, framework: str = "Fabric") -> dict[str, Any]:
    """Return the arguments of `lightning.fabric.Fabric`.

    Source: https://lightning.ai/docs/fabric/stable/fundamentals/precision.html
    """
    _require(candidate, framework, _FABRIC)
    if candidate.precision == "16-mixed" and device == "cpu":
        raise ExportError(
            f"{framework} runs bf16-mixed instead of 16-mixed on a CPU. Use autoprec.Engine(precision='16-mixed'), or "
            "ask suggest() without 16-mixed among the candidates.",
        )
    _require_default_matmul(candidate, framework, f"precision={candidate.precision!r}")
    _require_not_compiled(candidate, framework, f"precision={candidate.precision!r}")
    return {"precision": candidate.precision}


def trainer(candidate: Candidate, device: Device) -> dict[str, Any]:
    """Return the arguments of `lightning.Trainer`, which takes the same strings as Fabric."""
    return fabric(candidate, device, framework="Trainer")


def accelerate(candidate: Candidate, device: Device) -> dict[str, Any]:
    """Return the arguments of `accelerate.Accelerator`.

    Source: https://huggingface.co/docs/accelerate/package_reference/accelerator
    """
    value = _hugging_face(candidate, device, "Accelerator")
    _require_default_matmul(candidate, "Accelerator", f"mixed_precision={value!r}")
    compiled = {"dynamo_backend": "inductor"} if candidate.compile else {}
    return {"mixed_precision": value, **compiled}


def transformers(candidate: Candidate, device: Device, mode: Mode) -> dict[str, Any]:
    """Return the arguments of `transformers.TrainingArguments`; for inference, those of its evaluation.

    Source: https://huggingface.co/docs/transformers/main_classes/trainer#transformers.TrainingArguments
    """
    _require_one_precision(candidate, "TrainingArguments")
    if mode == "inference" and candidate.precision in {"16-true", "bf16-true"}:
        return {f"{'fp16' if candidate.precision == '16-true' else 'bf16'}_full_eval": True}
    value = _hugging_face(candidate, device, "TrainingArguments")
    arguments = {} if value == "no" else {value: True}
    arguments |= {"torch_compile": True} if candidate.compile else {}
    if candidate.matmul_precision == "high" and device == "cuda":
        return {**arguments, "tf32": True}
    _require_default_matmul(candidate, "TrainingArguments", " and ".join(f"{name}=True" for name in arguments))
    return arguments


def deepspeed(candidate: Candidate) -> dict[str, Any]:
    """Return the precision sections of a DeepSpeed config.

    Its `bf16` and `fp16` sections keep fp32 master weights, which a true half precision does not have; mixed
    precision becomes its `torch_autocast` section, which scales gradients for float16 by itself.
    Source: https://deepspeed.readthedocs.io/en/latest/training.html, `deepspeed/runtime/precision_config.py`
    """
    _require(candidate, "DeepSpeed", {*_MIXED, "32-true", "bf16-true"}, _deepspeed_way_out(candidate))
    _require_default_matmul(candidate, "DeepSpeed", "the precision sections for that")
    _require_not_compiled(candidate, "DeepSpeed", "the precision sections for that")
    if candidate.precision in _MIXED:
        return {"torch_autocast": {"enabled": True, "dtype": _MIXED[candidate.precision]}}
    if candidate.precision == "32-true":
        return {}
    return {"bf16": {"enabled": True, "bf16_master_weights_and_grads": True, "bf16_optimizer_states": True}}


def fsdp(candidate: Candidate) -> dict[str, Any]:
    """Return the arguments of `torch.distributed.fsdp.MixedPrecisionPolicy`: parameters in half, reduction in fp32.

    FSDP casts whole modules where autocast casts single operations; `16-mixed` needs a gradient scaler beside it.
    Source: https://docs.pytorch.org/docs/stable/distributed.fsdp.fully_shard.html
    """
    way_out = ""
    if candidate.precision in _TRUE:
        way_out = (
            f" Convert the model with model.to(torch.{_TRUE[candidate.precision]}) before fully_shard(model) and leave "
            "the policy out."
        )
    _require(candidate, "MixedPrecisionPolicy", {*_MIXED, "32-true"}, way_out)
    _require_default_matmul(candidate, "MixedPrecisionPolicy", "the policy for that")
    _require_not_compiled(candidate, "MixedPrecisionPolicy", "the policy for that")
    if candidate.precision == "32-true":
        return {}
    return {"param_dtype": _dtype(_MIXED[candidate.precision]), "reduce_dtype": _dtype("float32")}


def torch(candidate: Candidate, device: Device, mode: Mode) -> dict[str, Any]:
    """Return what plain PyTorch needs.

    `autocast` holds the arguments of `torch.autocast`, `grad_scaler` those of `torch.amp.GradScaler`, `weights_dtype`
    is for `model.to()`, `float32_matmul_precision` for `torch.set_float32_matmul_precision()`; `compile` is there, and
    true, where `model.compile()` is to be called afterwards.
    """
    precision = candidate.precision
    _require(candidate, "Plain PyTorch", {*_MIXED, *_TRUE})
    mixed = precision in _MIXED
    return {
        "autocast": {
            "device_type": device,
            "dtype": _dtype(_MIXED[precision]) if mixed else None,
            "enabled": mixed,
        },
        "grad_scaler": {"device": device, "enabled": precision == "16-mixed" and mode == "train"},
        "weights_dtype": _dtype("float32" if mixed else _TRUE[precision]),
        "float32_matmul_precision": candidate.matmul_precision,
        **({"compile": True} if candidate.compile else {}),
    }


def _hugging_face(candidate: Candidate, device: Device, framework: str) -> str:
    """Return the name of a precision in Hugging Face's words."""
    way_out = ""
    if candidate.precision in _TRUE:
        dtype = _TRUE[candidate.precision]
        way_out = f" Its setting is for mixed precision: load the model with dtype=torch.{dtype} and leave it off."
    _require(candidate, framework, _HUGGING_FACE, way_out)
    if candidate.precision == "16-mixed" and device == "cpu":
        raise ExportError(
            f"{framework} has no fp16 on a CPU: it computes in fp32 instead. Use "
            "autoprec.Engine(precision='16-mixed'), or ask suggest() without 16-mixed among the candidates.",
        )
    return _HUGGING_FACE[candidate.precision]


def _deepspeed_way_out(candidate: Candidate) -> str:
    if candidate.precision == "16-true":
        return " Its fp16 section keeps fp32 master weights: measure 16-mixed, which its torch_autocast section runs."
    return " It trains in fp32, fp16 or bf16." if candidate.precision == "64-true" else ""


def _require(candidate: Candidate, framework: str, known: Any, way_out: str = "") -> None:
    _require_one_precision(candidate, framework)
    if candidate.precision not in known:
        engine = f" Use autoprec.Engine(precision={candidate.precision!r})."
        way_out = way_out or _quantized_way_out(candidate, framework) + engine
        raise ExportError(f"{framework} cannot express {candidate.precision}.{way_out}")


def _require_one_precision(candidate: Candidate, framework: str) -> None:
    """Refuse to drop the list of modules that stay in fp32."""
    if candidate.keep_fp32:
        raise ExportError(
            f"{framework} has no argument for modules that stay in fp32, which {candidate} needs. Use "
            f"autoprec.Engine(precision={candidate.precision!r}, keep_fp32={list(candidate.keep_fp32)!r}), or call "
            "those modules under torch.autocast(..., enabled=False) yourself.",
        )


def _quantized_way_out(candidate: Candidate, framework: str) -> str:
    """Say how the framework gets quantized layers, which are no setting but other modules."""
    mode = candidate.precision.removeprefix("bnb-")
    if candidate.precision not in BITSANDBYTES:
        return ""
    if framework in {"Fabric", "Trainer"}:
        return f" With a CUDA device it takes them as a plugin: plugins=BitsandbytesPrecision(mode={mode!r})."
    if mode == "int8-training":
        return " Replace the model's Linear layers by bitsandbytes.nn.Linear8bitLt."
    double = ", bnb_4bit_use_double_quant=True" if mode.endswith("-dq") else ""
    four_bits = f"load_in_4bit=True, bnb_4bit_quant_type={mode.removesuffix('-dq')!r}{double}"
    options = "load_in_8bit=True" if mode == "int8" else four_bits
    return f" Load a model of transformers with quantization_config=BitsAndBytesConfig({options})."


def _require_default_matmul(candidate: Candidate, framework: str, rest: str) -> None:
    """Refuse to drop the matmul precision, which is a setting of the whole process."""
    if candidate.matmul_precision != "highest":
        raise ExportError(
            f"{framework} has no argument for the matmul precision of {candidate}. Call "
            f"torch.set_float32_matmul_precision({candidate.matmul_precision!r}) at the start of the program and give "
            f"{framework} {rest or 'nothing else'}.",
        )


def _require_not_compiled(candidate: Candidate, framework: str, rest: str) -> None:
    """Refuse to drop the compilation, which is done to the model before a framework gets it."""
    if candidate.compile:
        raise ExportError(
            f"{framework} has no argument for torch.compile, which {candidate} needs. Give {framework} {rest}, and "
            "call model.compile() before the framework sets the model up.",
        )


def _dtype(name: str) -> "Dtype":
    import torch  # noqa: PLC0415 (a recommendation can be read where torch is not installed)

    dtype: Dtype = getattr(torch, name)
    return dtype
