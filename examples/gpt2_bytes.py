"""A small GPT-2 of the transformers library, with random weights, on English byte by byte: nothing is downloaded."""

import torch
from transformers import GPT2Config, GPT2LMHeadModel

from autoprec_runner.workload import Workload
from corpus import VOCABULARY, windows

LENGTH = 128


def workload() -> Workload:
    """Return the training; the labels are the ids, and the loss is the model's own."""
    config = GPT2Config(
        vocab_size=VOCABULARY,
        n_positions=LENGTH,
        n_embd=256,
        n_layer=4,
        n_head=4,
        bos_token_id=0,
        eos_token_id=0,
        use_cache=False,
    )
    passages = windows(batches=8, batch_size=8, length=LENGTH)
    return Workload(
        model=GPT2LMHeadModel(config),
        batch=[{"input_ids": ids} for ids, _ in passages],
        optimizer=lambda parameters: torch.optim.AdamW(parameters, lr=3e-4),
        name="GPT-2 on bytes",
    )
