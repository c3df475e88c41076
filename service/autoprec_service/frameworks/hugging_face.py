"""Hugging Face's Accelerate and Transformers."""

from autoprec_probe.candidate import Candidate, Device
from autoprec_runner.trial import Mode
from autoprec_service.errors import ExportError
from autoprec_service.frameworks.dtypes import TRUE
from autoprec_service.frameworks.requirements import require, require_default_matmul, require_one_precision

_NAMES = {"32-true": "no", "16-mixed": "fp16", "bf16-mixed": "bf16"}


def accelerate(candidate: Candidate, device: Device) -> dict[str, str]:
    """Return the arguments of `accelerate.Accelerator`.

    Source: https://huggingface.co/docs/accelerate/package_reference/accelerator

    Raises:
        ExportError: It cannot express the candidate, or runs something else in its place on this device.
    """
    value = _name(candidate, device, "Accelerator")
    require_default_matmul(candidate, "Accelerator", f"mixed_precision={value!r}")
    compiled = {"dynamo_backend": "inductor"} if candidate.compile else {}
    return {"mixed_precision": value, **compiled}


def transformers(candidate: Candidate, device: Device, mode: Mode) -> dict[str, bool]:
    """Return the arguments of `transformers.TrainingArguments`; for inference, those of its evaluation.

    Source: https://huggingface.co/docs/transformers/main_classes/trainer#transformers.TrainingArguments

    Raises:
        ExportError: They cannot express the candidate, or run something else in its place on this device.
    """
    require_one_precision(candidate, "TrainingArguments")
    if mode == "inference" and candidate.precision in {"16-true", "bf16-true"}:
        return {f"{'fp16' if candidate.precision == '16-true' else 'bf16'}_full_eval": True}
    value = _name(candidate, device, "TrainingArguments")
    arguments = {} if value == "no" else {value: True}
    arguments |= {"torch_compile": True} if candidate.compile else {}
    if candidate.matmul_precision == "high" and device == "cuda":
        return {**arguments, "tf32": True}
    require_default_matmul(candidate, "TrainingArguments", " and ".join(f"{name}=True" for name in arguments))
    return arguments


def _name(candidate: Candidate, device: Device, framework: str) -> str:
    """Return the name of a precision in Hugging Face's words."""
    way_out = ""
    if candidate.precision in TRUE:
        dtype = TRUE[candidate.precision]
        way_out = f" Its setting is for mixed precision: load the model with dtype=torch.{dtype} and leave it off."
    require(candidate, framework, _NAMES, way_out)
    if candidate.precision == "16-mixed" and device == "cpu":
        raise ExportError(
            f"{framework} has no fp16 on a CPU: it computes in fp32 instead. Use "
            "autoprec.Engine(precision='16-mixed'), or ask suggest() without 16-mixed among the candidates.",
        )
    return _NAMES[candidate.precision]
