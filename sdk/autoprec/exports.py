"""A recommended precision in the words of other frameworks.

Every export returns plain keyword arguments (or a config) for the framework's own constructor. Where a framework cannot
express a precision, that is an error with the way out: nothing close to it is ever put in its place.
"""

from typing import Any

from autoprec_probe.candidate import Candidate, Device

_AUTOCAST_DTYPES = {"16-mixed": "float16", "bf16-mixed": "bfloat16"}
_WEIGHT_DTYPES = {"16-true": "float16", "bf16-true": "bfloat16", "64-true": "float64"}
_TF32 = "high"


class ExportError(ValueError):
    """A framework cannot express the recommended precision."""


def fabric(candidate: Candidate) -> dict[str, Any]:
    """Return the arguments of `lightning.fabric.Fabric`."""
    return {"precision": candidate.precision}


trainer = fabric
"""Return the arguments of `lightning.Trainer`, which takes the same strings."""


def accelerate(candidate: Candidate) -> dict[str, Any]:
    """Return the arguments of `accelerate.Accelerator`."""
    _refuse_true(candidate, "Accelerate", "mixed_precision")
    return {"mixed_precision": {"16-mixed": "fp16", "bf16-mixed": "bf16"}.get(candidate.precision, "no")}


def transformers(candidate: Candidate) -> dict[str, Any]:
    """Return the arguments of `transformers.TrainingArguments`."""
    _refuse_true(candidate, "TrainingArguments", "fp16/bf16")
    arguments = {"16-mixed": {"fp16": True}, "bf16-mixed": {"bf16": True}}.get(candidate.precision, {})
    return {**arguments, "tf32": True} if candidate.matmul_precision == _TF32 else dict(arguments)


def deepspeed(candidate: Candidate) -> dict[str, Any]:
    """Return the precision sections of a DeepSpeed config; mixed precisions become its `torch_autocast` section."""
    if candidate.precision in _AUTOCAST_DTYPES:
        return {"torch_autocast": {"enabled": True, "dtype": _AUTOCAST_DTYPES[candidate.precision]}}
    if candidate.precision == "64-true":
        raise ExportError("DeepSpeed trains in fp32, fp16 or bf16; it has no 64-true.")
    section = {"16-true": "fp16", "bf16-true": "bf16"}.get(candidate.precision)
    return {section: {"enabled": True}} if section else {}


def fsdp(candidate: Candidate) -> dict[str, Any]:
    """Return the arguments of `torch.distributed.fsdp.MixedPrecisionPolicy`: parameters in half, reduction in fp32."""
    import torch  # noqa: PLC0415 (only this export needs it)

    if candidate.precision == "32-true":
        return {}
    name = {**_AUTOCAST_DTYPES, **_WEIGHT_DTYPES}[candidate.precision]
    reduce = torch.float64 if name == "float64" else torch.float32
    return {"param_dtype": getattr(torch, name), "reduce_dtype": reduce}


def torch(candidate: Candidate, device: Device) -> dict[str, Any]:
    """Return what plain PyTorch needs: `autocast` arguments, weight dtype, gradient scaler and matmul precision."""
    precision = candidate.precision
    autocast = {
        "device_type": device,
        "dtype": _AUTOCAST_DTYPES.get(precision),
        "enabled": precision in _AUTOCAST_DTYPES,
    }
    return {
        "autocast": autocast,
        "weights_dtype": _WEIGHT_DTYPES.get(precision, "float32"),
        "grad_scaler": precision == "16-mixed",
        "float32_matmul_precision": candidate.matmul_precision,
    }


def _refuse_true(candidate: Candidate, framework: str, option: str) -> None:
    if candidate.precision in _WEIGHT_DTYPES:
        dtype = _WEIGHT_DTYPES[candidate.precision]
        raise ExportError(
            f"{framework} has no {candidate.precision}: its {option} setting is for mixed precision only. "
            f"Load the model with dtype=torch.{dtype} and leave the setting off.",
        )
