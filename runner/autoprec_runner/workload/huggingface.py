"""Models of Hugging Face transformers, by their configuration: ids from the vocabulary, labels for the loss."""

import inspect
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from autoprec_runner.trial import Mode
from autoprec_runner.workload.adapters import Adapter, Proposal, register_adapter

_SEQUENCES, _TOKENS, _IMAGES = 8, 128, 8
_INFERRED_BATCHES = 4
_IGNORED_LABEL = -100
_COPIES_INPUT = ("ForCausalLM", "LMHeadModel", "ForConditionalGeneration", "ForMaskedLM")
_POSITIONS = ("max_position_embeddings", "n_positions", "n_ctx", "max_seq_len")


@register_adapter
class HuggingFaceAdapter(Adapter):
    """A module with a `config` that can be written as a dict and with `dummy_inputs`."""

    def recognises(self, model: nn.Module) -> bool:
        """Tell by the configuration and the dummy inputs that every pretrained model has."""
        return hasattr(getattr(model, "config", None), "to_dict") and hasattr(type(model), "dummy_inputs")

    def batches(self, model: nn.Module, mode: Mode) -> Proposal | None:  # noqa: ARG002
        """Return random ids or pixels in the sizes of the configuration, else the model's dummy inputs."""
        config: Any = model.config
        name = getattr(model, "main_input_name", "input_ids")
        if name == "input_ids" and getattr(config, "vocab_size", None):
            return _random_ids(config)
        if name == "pixel_values" and getattr(config, "image_size", None):
            return _random_pixels(config)
        return Proposal(value=model.dummy_inputs, sentence="Inputs: the model's dummy_inputs.")

    def complete(self, model: nn.Module, batch: Any, mode: Mode) -> Proposal | None:
        """Return the batch with labels, where the model takes them and the kind of its head tells which."""
        if isinstance(batch, Tensor) and not batch.is_floating_point():
            batch = {"input_ids": batch}
        if not isinstance(batch, Mapping) or "labels" in batch:
            return None
        labelled: Proposal | None = None
        if mode == "train" and "labels" in inspect.signature(model.forward).parameters:
            labelled = _with_copied_labels(model, batch) or _with_random_classes(model, batch)
        return labelled or _with_decoder_inputs(model, batch)


def _random_ids(config: Any) -> Proposal:
    longest = min((getattr(config, name) for name in _POSITIONS if getattr(config, name, None)), default=_TOKENS)
    shape = (_SEQUENCES, min(_TOKENS, longest))
    batches = [{"input_ids": torch.randint(config.vocab_size, shape)} for _ in range(_INFERRED_BATCHES)]
    return Proposal(
        value=batches,
        sentence=f"Inputs inferred: random input_ids int64{list(shape)} from the vocabulary of {config.vocab_size}.",
    )


def _random_pixels(config: Any) -> Proposal:
    sides = config.image_size if isinstance(config.image_size, tuple | list) else [config.image_size] * 2
    shape = (_IMAGES, getattr(config, "num_channels", 3), *sides)
    return Proposal(
        value=[{"pixel_values": torch.randn(shape)} for _ in range(_INFERRED_BATCHES)],
        sentence=f"Inputs inferred: random pixel_values float32{list(shape)} from the configuration.",
    )


def _with_copied_labels(model: nn.Module, batch: Mapping[str, Any]) -> Proposal | None:
    ids = batch.get("input_ids")
    if ids is None or not type(model).__name__.endswith(_COPIES_INPUT):
        return None
    mask = batch.get("attention_mask")
    labels = ids.clone() if mask is None else ids.masked_fill(mask == 0, _IGNORED_LABEL)
    return Proposal(
        value={**batch, "labels": labels},
        sentence="Labels: the input ids, as the model has a language head and the batch has no labels.",
    )


def _with_random_classes(model: nn.Module, batch: Mapping[str, Any]) -> Proposal | None:
    name, classes = type(model).__name__, getattr(model.config, "num_labels", None)
    shapes = {"ForSequenceClassification": 1, "ForImageClassification": 1, "ForTokenClassification": 2}
    ndim = next((ndim for ending, ndim in shapes.items() if name.endswith(ending)), None)
    if ndim is None or not classes:
        return None
    first = next(each for each in batch.values() if isinstance(each, Tensor))
    labels = torch.randint(classes, first.shape[:ndim])
    return Proposal(
        value={**batch, "labels": labels.to(first.device)},
        sentence=f"Labels: random classes of the model's {classes}, as the batch has none.",
    )


def _with_decoder_inputs(model: nn.Module, batch: Mapping[str, Any]) -> Proposal | None:
    if not getattr(model.config, "is_encoder_decoder", False) or "input_ids" not in batch:
        return None
    if "decoder_input_ids" in batch:
        return None
    return Proposal(
        value={**batch, "decoder_input_ids": batch["input_ids"].clone()},
        sentence="Decoder inputs: the input ids, as the batch has none for the decoder.",
    )
