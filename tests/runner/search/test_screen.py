"""Which candidates are tried for which workload, decided before anything runs."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from torch import nn

from autoprec_probe import Candidate, Cpu, HardwareProfile, Software
from autoprec_probe.precision import BITSANDBYTES, BUILT_IN, known_precisions
from autoprec_runner.search.question import Question
from autoprec_runner.search.screen import default_candidates, judged, unfit
from autoprec_runner.trial import Mode
from autoprec_runner.trials.prepared import Prepared
from autoprec_runner.trials.worker import _has_frozen_base

FREEZING = tuple(each for each in BITSANDBYTES if each != "bnb-int8-training")


def machine(bitsandbytes: str | None = "0.50.2") -> HardwareProfile:
    return HardwareProfile(
        system="Linux",
        cpu=Cpu(architecture="x86_64", features=("avx2", "avx512_bf16", "avx512_vnni", "avx512f")),
        software=Software(python="3.11.0", packages={"torch": "2.13.0", "bitsandbytes": bitsandbytes}),
    )


def prepared(mode: Mode, *, frozen_base: bool = False) -> Prepared:
    return Prepared(
        mode=mode,
        fingerprint="f",
        workload_key="k",
        name="n",
        description="d",
        assumptions=(),
        batch_size=1,
        tokens_per_batch=None,
        parameters=1,
        threads=1,
        torch="2.13.0",
        frozen_base=frozen_base,
    )


@pytest.fixture
def _precisions_are_looked_up_anew() -> Iterator[None]:
    known_precisions.cache_clear()
    yield
    known_precisions.cache_clear()


@pytest.mark.usefixtures("_precisions_are_looked_up_anew")
def test_a_plugin_that_cannot_be_loaded_costs_its_candidate_and_not_the_study(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    installed = tmp_path / "broken-1.0.dist-info"
    installed.mkdir()
    (installed / "METADATA").write_text("Metadata-Version: 2.1\nName: broken\nVersion: 1.0\n", encoding="utf-8")
    points = "[autoprec.precisions]\nbroken-true = a_module_that_is_not_there:Broken\n"
    (installed / "entry_points.txt").write_text(points, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    broken = Candidate(precision="broken-true")
    assert broken in default_candidates(machine(), "cpu", "single")
    verdict = judged(broken, machine(), "cpu")
    assert not verdict.can_run
    assert "a_module_that_is_not_there" in verdict.reason


def refused(mode: Mode, *, frozen_base: bool = False) -> set[str]:
    workload = prepared(mode, frozen_base=frozen_base)
    return {each for each in BUILT_IN if unfit(Candidate(precision=each), workload)}


def test_quantized_modes_are_tried_for_inference_except_the_one_for_training() -> None:
    assert {"bnb-int8-training"} == refused("inference")


def test_for_training_only_the_mode_that_trains_quantized_weights_is_tried() -> None:
    assert set(FREEZING) == refused("train")


def test_adapters_on_a_frozen_base_are_tried_with_every_mode() -> None:
    assert set() == refused("train", frozen_base=True)


@pytest.mark.parametrize("precision", FREEZING)
def test_the_refusal_says_why_and_what_to_do(precision: str) -> None:
    why = unfit(Candidate(precision=precision), prepared("train"))
    assert why is not None
    assert "It freezes the weights that it quantizes" in why.reason
    assert "adapters" in why.remedy
    assert "bnb-int8-training" in why.remedy


def test_quantized_candidates_come_after_the_others_that_are_native() -> None:
    order = [each.precision for each in default_candidates(machine(), "cpu", "single")]
    assert order.index("bf16-true") < order.index("bnb-nf4") < order.index("16-mixed") < order.index("64-true")
    assert set(BUILT_IN) <= set(order)


def test_where_memory_counts_the_smallest_that_are_likely_to_do_come_first() -> None:
    order = [each.precision for each in default_candidates(machine(), "cpu", "single", "memory")]
    assert ["32-true", "bnb-int8", "bf16-true", "bnb-nf4-dq", "bnb-nf4"] == order[:5]
    assert "64-true" == order[-1]


def test_under_xla_16_mixed_is_not_tried_beside_bf16_mixed_which_is_the_same() -> None:
    why = {
        each: unfit(Candidate(precision=each, strategy="xla"), prepared("train")) for each in ("16-mixed", "16-true")
    }
    assert why["16-true"] is None
    assert why["16-mixed"] is not None
    assert "as bf16-mixed is" in why["16-mixed"].reason


def test_matmul_precisions_that_do_not_reach_xla_are_no_candidates() -> None:
    under = {
        strategy: {each.matmul_precision for each in default_candidates(machine(), "cpu", strategy)}
        for strategy in ("single", "xla")
    }
    assert {"single": {"highest", "medium"}, "xla": {"highest"}} == under


def test_installing_bitsandbytes_makes_the_question_a_new_one() -> None:
    candidates = (Candidate(precision="bnb-nf4"),)
    identities = {
        Question(source="{}", profile=machine(version), device="cpu").identity(prepared("inference"), candidates)
        for version in (None, "0.49.0", "0.50.2")
    }
    assert 3 == len(identities)


def test_a_frozen_base_is_told_by_most_of_its_linear_weights() -> None:
    base = nn.Sequential(nn.Linear(64, 64), nn.Linear(64, 64)).requires_grad_(requires_grad=False)
    assert not _has_frozen_base(base)  # nothing is trained
    assert _has_frozen_base(nn.Sequential(base, nn.Linear(64, 2)))
    assert _has_frozen_base(nn.ModuleDict({"base": base, "lora": nn.ParameterList([torch.zeros(2, 64)])}))
    assert not _has_frozen_base(nn.Sequential(nn.Linear(64, 64), nn.Linear(64, 2).requires_grad_(requires_grad=False)))
    assert not _has_frozen_base(nn.Sequential(nn.Conv2d(1, 1, 1)))
