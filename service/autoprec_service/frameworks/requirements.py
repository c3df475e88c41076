"""What a framework must be able to express, or refuse with the way out."""

from collections.abc import Container

from autoprec_probe.candidate import Candidate
from autoprec_probe.precision import BITSANDBYTES
from autoprec_service.errors import ExportError


def require(candidate: Candidate, framework: str, known: Container[str], way_out: str = "") -> None:
    """Refuse a precision that the framework does not know.

    Raises:
        ExportError: It is not among the `known` ones, or leaves modules in fp32.
    """
    require_one_precision(candidate, framework)
    if candidate.precision not in known:
        engine = f" Use autoprec.Engine(precision={candidate.precision!r})."
        way_out = way_out or _quantized_way_out(candidate, framework) + engine
        raise ExportError(f"{framework} cannot express {candidate.precision}.{way_out}")


def require_one_precision(candidate: Candidate, framework: str) -> None:
    """Refuse to drop the list of modules that stay in fp32.

    Raises:
        ExportError: There is one.
    """
    if candidate.keep_fp32:
        raise ExportError(
            f"{framework} has no argument for modules that stay in fp32, which {candidate} needs. Use "
            f"autoprec.Engine(precision={candidate.precision!r}, keep_fp32={list(candidate.keep_fp32)!r}), or call "
            "those modules under torch.autocast(..., enabled=False) yourself.",
        )


def require_default_matmul(candidate: Candidate, framework: str, rest: str) -> None:
    """Refuse to drop the matmul precision, which is a setting of the whole process.

    Raises:
        ExportError: It is not the default.
    """
    if candidate.matmul_precision != "highest":
        raise ExportError(
            f"{framework} has no argument for the matmul precision of {candidate}. Call "
            f"torch.set_float32_matmul_precision({candidate.matmul_precision!r}) at the start of the program and give "
            f"{framework} {rest or 'nothing else'}.",
        )


def require_not_compiled(candidate: Candidate, framework: str, rest: str) -> None:
    """Refuse to drop the compilation, which is done to the model before a framework gets it.

    Raises:
        ExportError: The candidate is compiled.
    """
    if candidate.compile:
        raise ExportError(
            f"{framework} has no argument for torch.compile, which {candidate} needs. Give {framework} {rest}, and "
            "call model.compile() before the framework sets the model up.",
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
