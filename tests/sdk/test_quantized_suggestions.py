"""Whole studies with quantized candidates: real children, the real store, the real bitsandbytes."""

import re
from pathlib import Path

import pytest
import torch
from torch import nn

pytest.importorskip("bitsandbytes", reason="needs bitsandbytes")

import autoprec
from autoprec_probe import Candidate

FOUR_BIT = {"bnb-nf4", "bnb-nf4-dq", "bnb-fp4", "bnb-fp4-dq"}


def linear_heavy(width: int = 2048, depth: int = 6) -> nn.Module:
    torch.manual_seed(0)
    layers: list[nn.Module] = [nn.Linear(128, width)]
    for _ in range(depth):
        layers += [nn.ReLU(), nn.Linear(width, width)]
    return nn.Sequential(*layers, nn.Linear(width, 10)).eval()


def ask(tmp_path: Path, tolerance: float, candidates: list[str]) -> autoprec.Recommendation:
    return autoprec.suggest(
        linear_heavy(),
        torch.randn(8, 128, generator=torch.Generator().manual_seed(1)),
        mode="inference",
        objective="memory",
        tolerance=tolerance,
        candidates=candidates,
        budget=30,
        progress=False,
        store=tmp_path / "store.db",
    )


def test_a_4_bit_mode_is_picked_for_memory_with_its_error_and_the_memory_before_and_after(tmp_path: Path) -> None:
    answer = ask(tmp_path, 0.2, ["bf16-true", "bnb-nf4", "bnb-nf4-dq"])
    assert answer.precision in FOUR_BIT
    assert answer.memory_ratio is not None
    assert answer.memory_ratio < 0.6
    verified = next(trial for trial in answer.trials if trial.candidate == answer.candidate and trial.phase == "verify")
    assert verified.stability is not None
    assert 0 < (verified.stability.deviation or 0) < 0.2
    assert verified.effective_dtypes is not None
    note = verified.effective_dtypes.note or ""
    assert re.search(r"7 of 8 Linear layers: the model's weights take 1[23]\.\d MiB instead of 97\.1 MiB\.", note)
    assert "`13` (2048 inputs, 10 outputs" in note
    reasons = " ".join(answer.reasons)
    assert "differ from fp32 by" in reasons
    assert "for 32-true" in reasons
    assert note in answer.reasons
    assert ask(tmp_path, 0.2, ["bf16-true", "bnb-nf4", "bnb-nf4-dq"]).remembered


def test_when_the_smallest_are_not_true_enough_the_next_get_their_turn(tmp_path: Path) -> None:
    answer = ask(tmp_path, 0.007, ["bnb-nf4", "bnb-int8"])
    by_candidate = {trial.candidate.precision: trial.status for trial in answer.trials if trial.phase == "verify"}
    assert {"32-true": "ok", "bnb-nf4": "unstable", "bnb-int8": "ok"} == by_candidate
    assert "bnb-int8" == answer.precision


def test_training_all_weights_tries_the_one_mode_that_can_and_says_why_not_the_others(tmp_path: Path) -> None:
    torch.manual_seed(0)
    answer = autoprec.suggest(
        nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 4)),
        (torch.randn(8, 64), torch.randint(4, (8,))),
        mode="train",
        budget=30,
        progress=False,
        store=tmp_path / "store.db",
    )
    screened = {trial.candidate.precision: trial.reason for trial in answer.trials if trial.phase == "screen"}
    assert {"bnb-int8", *FOUR_BIT} <= set(screened)
    assert all("freezes the weights that it quantizes" in screened[each] for each in FOUR_BIT)
    assert any(trial.candidate == Candidate(precision="bnb-int8-training") for trial in answer.trials)
    assert "bnb-int8-training" not in screened


def test_adapters_on_a_frozen_base_are_trained_over_4_bit_weights(tmp_path: Path) -> None:
    torch.manual_seed(0)
    base = nn.Sequential(nn.Linear(64, 256), nn.ReLU(), nn.Linear(256, 256)).requires_grad_(requires_grad=False)
    answer = autoprec.suggest(
        nn.Sequential(base, nn.Linear(256, 4)),
        (torch.randn(8, 64), torch.randint(4, (8,))),
        mode="train",
        objective="memory",
        budget=20,
        progress=False,
        store=tmp_path / "store.db",
    )
    sprinted = [trial for trial in answer.trials if trial.candidate.precision == "bnb-nf4" and trial.phase == "sprint"]
    assert [trial.status for trial in sprinted][-1:] == ["ok"]
    assert sprinted[-1].effective_dtypes is not None
    note = sprinted[-1].effective_dtypes.note or ""
    assert "quantized 2 of 3 Linear layers" in note
    assert "`1` (trainable while others are frozen, as an adapter is)" in note
    assert "float32" == sprinted[-1].effective_dtypes.optimizer_state
