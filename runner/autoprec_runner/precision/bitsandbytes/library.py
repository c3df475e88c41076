"""Loading bitsandbytes without its side effects."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

import torch

from autoprec_runner.errors import MissingPackageError

_ROUNDING_LOGGER = "bitsandbytes.autograd._functions"


def load_layers() -> ModuleType:
    """Return the module with our layers, which needs bitsandbytes.

    Raises:
        MissingPackageError: bitsandbytes is not installed, or cannot be imported.
    """
    try:
        from autoprec_runner.precision.bitsandbytes import layers  # noqa: PLC0415 (imports bitsandbytes)
    except ImportError as error:
        raise MissingPackageError(
            f"Quantized weights need bitsandbytes, which cannot be imported ({error}). "
            "Install it with: pip install bitsandbytes",
        ) from error
    return layers


@contextmanager
def quiet_import() -> Iterator[None]:
    """Import bitsandbytes inside: its remark on an optional kernel package is not shown.

    Where there is no GPU, `torch.compile` does nothing meanwhile. bitsandbytes decorates general kernels with it: that
    loads torch's compiler (two seconds), and the first use of such a kernel, for an odd number of inputs, would wait
    for a C++ compiler.
    """
    logger, compiler = logging.getLogger("bitsandbytes"), torch.compile
    level = logger.level
    logger.setLevel(logging.ERROR)
    if not (torch.cuda.is_available() or torch.xpu.is_available() or torch.mps.is_available()):
        torch.compile = _uncompiled  # type: ignore[assignment]
    try:
        yield
    finally:
        torch.compile = compiler
        logger.setLevel(level)
    logging.getLogger(_ROUNDING_LOGGER).addFilter(_is_news)


def _uncompiled(function: Callable[..., Any] | None = None, **_: Any) -> Any:
    return function if function is not None else _uncompiled


def _is_news(record: logging.LogRecord) -> bool:
    """Whether a log record is more than the remark, made at every forward, that LLM.int8() rounds from float16."""
    return "inputs will be cast from" not in record.msg
