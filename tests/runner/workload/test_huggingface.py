"""Models of Hugging Face transformers, small and with random weights."""

import warnings
from typing import Any

import pytest
import torch
from torch import nn

from autoprec_runner.workload import Workload
from autoprec_runner.workload.task import Task, resolve

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # what the library warns of while it is imported is not ours
    transformers = pytest.importorskip("transformers")

IDS = torch.randint(60, (2, 9), generator=torch.Generator().manual_seed(0))
TINY = {"vocab_size": 60, "bos_token_id": 0, "eos_token_id": 1, "pad_token_id": 0}


def _gpt2(name: str = "GPT2LMHeadModel") -> Any:
    torch.manual_seed(0)
    config = transformers.GPT2Config(n_embd=16, n_layer=1, n_head=2, n_positions=32, **TINY)
    return getattr(transformers, name)(config)


def _bert(name: str) -> Any:
    sizes = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32}
    config = transformers.BertConfig(max_position_embeddings=24, num_labels=3, **sizes, **TINY)
    return getattr(transformers, name)(config)


def _t5(name: str = "T5ForConditionalGeneration") -> Any:
    config = transformers.T5Config(
        d_model=16, d_kv=8, d_ff=32, num_layers=1, num_heads=2, decoder_start_token_id=0, **TINY
    )
    return getattr(transformers, name)(config)


def _vit() -> Any:
    sizes = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32}
    return transformers.ViTForImageClassification(transformers.ViTConfig(image_size=32, patch_size=8, **sizes))


def _first_loss(task: Task) -> float:
    assert task.loss_of is not None
    return task.loss_of(task.model, task.batches[0]).item()


@pytest.mark.parametrize(
    ("model", "labels"),
    [
        (_gpt2, (8, 32)),
        (lambda: _bert("BertForMaskedLM"), (8, 24)),
        (lambda: _bert("BertForSequenceClassification"), (8,)),
        (lambda: _bert("BertForTokenClassification"), (8, 24)),
        (_t5, (8, 128)),
        (_vit, (8,)),
    ],
)
def test_ids_and_labels_are_found_from_configuration_and_head(model: Any, labels: tuple[int, ...]) -> None:
    task = resolve(Workload(model=model()), mode="train", seed=0)
    assert labels == task.batches[0]["labels"].shape
    assert _first_loss(task) > 0
    assert ["Inputs inferred", "Labels"] == [sentence.split(":")[0] for sentence in task.assumptions[:2]]


@pytest.mark.parametrize(
    "batch",
    [{"input_ids": IDS}, IDS, [{"input_ids": IDS}], transformers.BatchEncoding({"input_ids": IDS})],
    ids=["mapping", "tensor", "list", "BatchEncoding"],
)
def test_the_labels_of_a_language_model_are_its_ids(batch: Any) -> None:
    task = resolve(Workload(model=_gpt2(), batch=batch), mode="train", seed=0)
    assert torch.equal(IDS, task.batches[0]["labels"])
    assert 18 == task.tokens_per_batch


def test_padding_is_no_label() -> None:
    batch = {"input_ids": IDS, "attention_mask": (torch.arange(9) < 5).long().expand(2, 9)}
    task = resolve(Workload(model=_gpt2(), batch=batch), mode="train", seed=0)
    assert [-100] * 4 == task.batches[0]["labels"][0, 5:].tolist()


def test_labels_of_the_users_stay() -> None:
    labels = torch.zeros_like(IDS)
    task = resolve(Workload(model=_gpt2(), batch={"input_ids": IDS, "labels": labels}), mode="train", seed=0)
    assert torch.equal(labels, task.batches[0]["labels"])


def test_a_loss_of_the_users_needs_no_labels() -> None:
    workload = Workload(model=_gpt2(), batch={"input_ids": IDS}, loss=lambda output, _: output.logits.square().mean())
    task = resolve(workload, mode="train", seed=0)
    assert "labels" not in task.batches[0]
    assert _first_loss(task) > 0


@pytest.mark.parametrize("model", [_gpt2, lambda: _gpt2("GPT2Model"), _t5, lambda: _t5("T5Model"), _vit])
def test_inference_runs_on_inferred_inputs(model: Any) -> None:
    task = resolve(Workload(model=model()), mode="inference", seed=0)
    assert "labels" not in task.batches[0]
    assert 8 == task.output_of(task.model, task.batches[0])[0].shape[0]


def test_a_model_without_a_head_regresses_to_its_own_outputs() -> None:
    task = resolve(Workload(model=_gpt2("GPT2Model"), batch=IDS), mode="train", seed=0)
    assert 0 < _first_loss(task) < 1
    assert torch.equal(IDS, task.batches[0][0])


def test_the_seed_decides_ids_and_classes() -> None:
    def batch(seed: int) -> Any:
        task = resolve(Workload(model=_bert("BertForSequenceClassification")), mode="train", seed=seed)
        return torch.cat([task.batches[0]["input_ids"].flatten(), task.batches[0]["labels"]])

    assert torch.equal(batch(1), batch(1))
    assert not torch.equal(batch(1), batch(2))


def test_a_plain_module_with_a_config_is_no_pretrained_model() -> None:
    class Configured(nn.Linear):
        config = transformers.GPT2Config(**TINY)

    assert (32, 4) == resolve(Workload(model=Configured(4, 2)), mode="inference", seed=0).batches[0].shape
