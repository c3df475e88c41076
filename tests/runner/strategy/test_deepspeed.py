"""DeepSpeed over gloo: real steps in one process and in two, beside one process without it."""

import gc
import importlib.util
import os
import sys
from typing import Any

import pytest
import torch
from strategy_models import batches, make_net, make_optimizer, train
from torch.nn.functional import mse_loss

from autoprec_runner.engine import Engine
from autoprec_runner.errors import PrecisionError
from autoprec_runner.precision import DeepSpeedPrecision
from autoprec_runner.strategy.deepspeed_library import hold_local_rank, release_local_rank

installed = importlib.util.find_spec("deepspeed") is not None
needs_deepspeed = pytest.mark.skipif(not installed, reason="needs the package deepspeed")

FIRST_START_SECONDS = 280  # DeepSpeed compiles an extension, once for a user and a version of torch
TOLERANCE = {"32-true": 1e-6, "bf16-mixed": 1e-2, "16-mixed": 2e-3}


@pytest.fixture(scope="module")
def one(launch: Any) -> dict[str, Any]:
    result: dict[str, Any] = launch("deepspeed_ranks.py", "one", processes=1, timeout=FIRST_START_SECONDS)
    return result


@pytest.fixture(scope="module")
def two(launch: Any) -> dict[str, Any]:
    result: dict[str, Any] = launch("deepspeed_ranks.py", "two", timeout=FIRST_START_SECONDS)
    return result


def alone(precision: str, **options: Any) -> list[float]:
    engine = Engine(precision, accelerator="cpu")
    model, optimizer = engine.setup(make_net(), make_optimizer)
    return train(engine, model, optimizer, **options)


@needs_deepspeed
@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed", "16-mixed"])
@pytest.mark.parametrize("stage", range(4))
def test_one_process_trains_as_without_deepspeed(precision: str, stage: int, one: dict[str, Any]) -> None:
    assert alone(precision) == pytest.approx(one[f"{precision} {stage}"]["losses"], rel=TOLERANCE[precision])


@needs_deepspeed
@pytest.mark.parametrize("stage", [1, 2, 3])
def test_bf16_true_follows_float32_because_its_master_weights_are(stage: int, one: dict[str, Any]) -> None:
    found = one[f"bf16-true {stage}"]
    assert alone("32-true") == pytest.approx(found["losses"], rel=2e-2)
    assert {
        "parameters": "bfloat16",
        "compute": "bfloat16",
        "gradients": "bfloat16",
        "reduction": "bfloat16",
        "optimizer_state": "float32",
        "inputs": "bfloat16",
        "master_weights": "float32",
    } == found["dtypes"]


@needs_deepspeed
@pytest.mark.parametrize(("precision", "compute"), [("bf16-mixed", "bfloat16"), ("16-mixed", "float16")])
def test_a_mixed_precision_is_autocast_over_float32_parameters(
    precision: str,
    compute: str,
    one: dict[str, Any],
) -> None:
    assert {
        "parameters": "float32",
        "compute": compute,
        "gradients": "float32",
        "reduction": f"{compute}, float32",
        "optimizer_state": "float32",
        "inputs": compute,
    } == one[f"{precision} 2"]["dtypes"]


@needs_deepspeed
def test_the_example_of_the_guide_trains(one: dict[str, Any]) -> None:
    found = one["guide"]
    assert sum(found["losses"][-5:]) < sum(found["losses"][:5])
    assert 20 == len(found["losses"])
    assert torch.float16 in found["inside"]
    kept = {found["dtypes"][each] for each in ("parameters", "gradients", "optimizer_state")}
    assert ({"float32"}, "float16") == (kept, found["dtypes"]["compute"])


@needs_deepspeed
def test_its_plugins_keep_the_contract_of_a_precision(launch: Any) -> None:
    assert pytest.ExitCode.OK == launch("deepspeed_contract.py", processes=1, timeout=FIRST_START_SECONDS)


@needs_deepspeed
def test_an_engine_is_not_affected_by_the_autocast_of_one_before(one: dict[str, Any]) -> None:
    assert one["32-true 2"] == one["again"]


@needs_deepspeed
def test_gradients_are_not_clipped_unless_asked_and_clipped_by_norm_if_so(one: dict[str, Any]) -> None:
    engine = Engine(accelerator="cpu")
    model, optimizer = engine.setup(make_net(), make_optimizer)
    losses = []
    for x, y in batches():
        loss = mse_loss(model(x), y)
        engine.backward(loss)
        engine.clip_gradients(model, optimizer, max_norm=0.3)
        optimizer.step()
        optimizer.zero_grad()
        losses.append(loss.item())
    assert losses == pytest.approx(one["clipped"]["losses"], rel=1e-4)


@needs_deepspeed
def test_gradients_of_several_backwards_add_up_until_the_step(one: dict[str, Any]) -> None:
    assert alone("32-true", accumulate=2) == pytest.approx(one["accumulated"]["losses"], rel=1e-5)


@needs_deepspeed
def test_a_resumed_run_goes_on_as_if_it_had_not_stopped(one: dict[str, Any]) -> None:
    assert one["bf16-true 2"]["losses"] == one["resumed"]["losses"]
    assert (10, ["scheduler"]) == (one["resumed"]["step"], one["resumed"]["left"])


@needs_deepspeed
def test_a_marked_method_runs_as_a_forward_of_deepspeed(one: dict[str, Any]) -> None:
    x, y = next(batches())
    assert mse_loss(make_net()(x), y).item() == pytest.approx(one["method"])


@needs_deepspeed
def test_a_model_without_an_optimizer_is_there_for_inference(one: dict[str, Any]) -> None:
    without, sharded = one["inference"]
    assert torch.equal(without, sharded)


@needs_deepspeed
@pytest.mark.skipif(torch.ops.mkldnn._is_mkldnn_fp16_supported(), reason="needs a CPU without fp16 arithmetic")
def test_fp16_on_a_cpu_is_refused_in_the_words_of_deepspeed(one: dict[str, Any]) -> None:
    assert "DeepSpeed refuses 16-true: Type fp16 is not supported on your device." == one["refusals"]["fp16"]


@needs_deepspeed
@pytest.mark.parametrize(
    ("case", "words"),
    [
        ("clip", "Engine(strategy='deepspeed', gradient_clipping=1.0)"),
        ("alone", "call engine.setup(model, optimizer)"),
        ("two", "DeepSpeed steps one optimizer for a model, got 2"),
        ("closure", "takes neither a closure nor arguments"),
        ("clip and scale", "clips before it unscales"),
        ("nothing set up", "Nothing is set up yet"),
        ("which", "Which of 2 set-up models is meant?"),
    ],
)
def test_what_deepspeed_cannot_do_is_refused(case: str, words: str, one: dict[str, Any]) -> None:
    assert words in one["refusals"][case]


@needs_deepspeed
def test_apex_is_really_gone_from_the_installed_deepspeed(one: dict[str, Any]) -> None:
    assert "Apex AMP integration has been removed" in one["removed"]


@needs_deepspeed
@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed", "bf16-true"])
def test_two_processes_on_halves_of_the_batches_train(precision: str, two: dict[str, Any]) -> None:
    assert ((0, 2), True) == (two["world"], two["closed"])
    losses = two[precision]["losses"]
    assert sum(losses[-5:]) < sum(losses[:5])
    assert "DeepSpeedEngine" == two[precision]["type"]


@needs_deepspeed
def test_two_processes_at_zero_3_train_as_at_zero_2(two: dict[str, Any]) -> None:
    assert two["bf16-mixed"]["losses"] == pytest.approx(two["zero 3"]["losses"], rel=1e-2)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"precision": "64-true"}, "DeepSpeed has no mode for float64"),
        ({"precision": "bnb-nf4"}, "must be one of: 32-true, bf16-mixed"),
        ({"amp_type": "apex", "amp_level": "O2"}, "DeepSpeed has removed its integration of NVIDIA Apex"),
        ({"amp_type": "other"}, "amp_type must be 'native'"),
        ({"amp_level": "O1"}, "only Apex had levels"),
    ],
)
def test_plugins_that_cannot_be_are_refused(arguments: dict[str, str], words: str) -> None:
    with pytest.raises(PrecisionError, match=words):
        DeepSpeedPrecision(**arguments, device="cpu")


@pytest.mark.parametrize(
    ("precision", "config"),
    [
        ("32-true", {}),
        ("bf16-mixed", {"torch_autocast": {"enabled": True, "dtype": "bfloat16"}}),
        ("bf16-true", {"bf16": {"enabled": True}}),
    ],
)
def test_the_config_says_what_the_precision_means(precision: str, config: dict[str, Any]) -> None:
    assert config == DeepSpeedPrecision(precision, device="cpu").config


def test_float16_has_a_dynamic_loss_scale() -> None:
    section = DeepSpeedPrecision("16-true", device="cpu").config["fp16"]
    assert (True, 0) == (section["enabled"], section["loss_scale"])


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"zero_stage": 4}, "zero_stage=4 is unknown to DeepSpeed; allowed: 0, 1, 2, 3"),
        ({"gradient_clipping": 0.0}, "must be a norm above 0, or None"),
        ({"stage": 2}, "takes no option 'stage'; it takes zero_stage, gradient_clipping, config"),
    ],
)
def test_options_that_cannot_be_honoured_are_refused(options: dict[str, Any], words: str) -> None:
    with pytest.raises(PrecisionError, match=words):
        Engine(strategy="deepspeed", accelerator="cpu", **options)


def test_a_missing_package_is_named_with_the_way_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "deepspeed", None)
    with pytest.raises(PrecisionError, match=r"needs the package deepspeed.*pip install --no-build-isolation"):
        Engine(strategy="deepspeed", accelerator="cpu")


class Holder:
    """Anybody."""


def test_local_rank_stays_until_the_last_who_needs_it_is_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LOCAL_RANK", raising=False)
    holder = Holder()
    hold_local_rank(holder)
    other = Holder()
    hold_local_rank(other)
    del holder
    gc.collect()
    assert "0" == os.environ["LOCAL_RANK"]
    release_local_rank(other)
    release_local_rank(other)
    assert "LOCAL_RANK" not in os.environ


def test_a_launcher_s_local_rank_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOCAL_RANK", "3")
    holder = Holder()
    hold_local_rank(holder)
    release_local_rank(holder)
    assert "3" == os.environ["LOCAL_RANK"]
