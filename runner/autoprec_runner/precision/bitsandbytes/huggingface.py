"""The same quantization in the words of Hugging Face transformers."""

from collections.abc import Collection
from importlib import import_module
from typing import Any

import torch

from autoprec_runner.errors import MissingPackageError
from autoprec_runner.precision.bitsandbytes.modes import Mode, is_int8


def quantization_config(mode: Mode, dtype: torch.dtype, ignored: Collection[str]) -> Any:
    """Return a `transformers.BitsAndBytesConfig`, for `from_pretrained(quantization_config=...)`.

    Raises:
        MissingPackageError: transformers is not installed.
    """
    try:
        config: Any = import_module("transformers").BitsAndBytesConfig
    except ModuleNotFoundError as error:
        raise MissingPackageError(
            "A BitsAndBytesConfig comes from transformers, which is not installed. Install it with: "
            "pip install transformers",
        ) from error
    kept = sorted(ignored) or None
    if is_int8(mode):
        return config(
            load_in_8bit=True,
            llm_int8_has_fp16_weight=mode == "int8-training",
            llm_int8_skip_modules=kept,
        )
    return config(
        load_in_4bit=True,
        bnb_4bit_quant_type=mode.removesuffix("-dq"),
        bnb_4bit_use_double_quant=mode.endswith("-dq"),
        bnb_4bit_compute_dtype=dtype,
        llm_int8_skip_modules=kept,  # its name for 4 bit too
    )
