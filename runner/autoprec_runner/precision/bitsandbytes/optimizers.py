"""Optimizers whose state takes 8 bit an element, with the state of embeddings in 32."""

from typing import Any

from torch import nn
from torch.optim import Optimizer

from autoprec_runner.errors import PrecisionError
from autoprec_runner.precision.bitsandbytes.library import load_layers

OPTIMIZERS = (
    "Adam8bit",
    "AdamW8bit",
    "AdEMAMix8bit",
    "Adagrad8bit",
    "LAMB8bit",
    "LARS8bit",
    "Lion8bit",
    "RMSprop8bit",
    "SGD8bit",
)


def eight_bit_optimizer(
    model: nn.Module,
    name: str = "AdamW8bit",
    *,
    embedding_bits: int = 32,
    **options: Any,
) -> Optimizer:
    """Return an optimizer of bitsandbytes for what is trainable in `model`, with embeddings' state in 32 bit.

    Rows of an embedding get gradients of very different size, which 8 bit do not resolve
    (https://github.com/huggingface/transformers/issues/14819). Parameters of fewer than 4096 elements have 32-bit state
    anyway. Overrides are kept per optimizer: bitsandbytes' global manager would apply them, by position, to every other
    optimizer of the process, and hold on to the model.

    Args:
        model: Its trainable parameters are optimized.
        name: A class of `bitsandbytes.optim`, such as ``Adam8bit``.
        embedding_bits: 32, or 8 to treat embeddings like the rest.
        options: What the class takes: ``lr``, ``betas``, ``weight_decay`` and so on.

    Raises:
        PrecisionError: There is no such optimizer, or nothing to train.
    """
    if name not in OPTIMIZERS or embedding_bits not in {8, 32}:
        raise PrecisionError(
            f"Passed `eight_bit_optimizer(name={name!r}, embedding_bits={embedding_bits!r})`. name must be one of "
            f"{', '.join(OPTIMIZERS)}, embedding_bits 8 or 32.",
        )
    parameters = [each for each in model.parameters() if each.requires_grad]
    if not parameters:
        raise PrecisionError(
            f"{type(model).__name__} has no trainable parameters. Quantized weights are frozen: add adapters, or use "
            "'bnb-int8-training'.",
        )
    load_layers()
    from bitsandbytes import optim  # noqa: PLC0415 (loaded quietly by the line above)

    optimizer: Optimizer = getattr(optim, name)(parameters, **options)
    manager = optim.GlobalOptimManager.__new__(optim.GlobalOptimManager)
    manager.initialize()
    optimizer.mng = manager  # type: ignore[attr-defined]
    for module in model.modules():
        if isinstance(module, nn.Embedding | nn.EmbeddingBag) and embedding_bits != 8:  # noqa: PLR2004 (bits)
            manager.register_module_override(module, "weight", {"optim_bits": embedding_bits})
    return optimizer
