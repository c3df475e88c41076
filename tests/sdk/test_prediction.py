"""Answers for machines that are not at hand, and measured rates, on the command line."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from autoprec_probe.profile import HardwareProfile
from autoprec_runner.errors import StudyError
from autoprec_runner.rates.kept import KeptRates, RateRecord

Command = Callable[..., Any]
H100 = "nvidia-h100-80gb-hbm3"


@pytest.fixture(scope="module")
def predicted(autoprec_command: Command) -> Any:
    return autoprec_command("suggest", "factories.py:tiny", "--hardware", H100, "--json")


def test_an_answer_for_another_machine_is_predicted(predicted: Any) -> None:
    found = json.loads(predicted.out)
    assert (0, "predicted", H100, [], None) == (
        predicted.code, found["basis"], found["hardware_key"], found["trials"], found["study"]
    )  # fmt: skip
    assert 0 < found["confidence"] <= 0.35
    assert any("not run" in each or "Nothing was run" in each for each in found["reasons"])


def test_every_prediction_tells_where_time_and_memory_go(predicted: Any) -> None:
    predictions = {each["candidate"]["precision"]: each for each in json.loads(predicted.out)["predictions"]}
    assert {"32-true", "bf16-mixed", "bf16-true", "16-mixed", "16-true", "64-true"} == set(predictions)
    for each in predictions.values():
        assert pytest.approx(each["step_seconds"]["value"]) == sum(each["time_parts"].values())
        assert pytest.approx(each["peak_memory_bytes"]["value"]) == sum(each["memory_parts"].values())


def test_each_candidate_is_told_once(predicted: Any) -> None:
    found = json.loads(predicted.out)
    told = [found["candidate"], *(each["candidate"] for each in (*found["alternatives"], *found["rejected"]))]
    assert len(told) == len({json.dumps(each, sort_keys=True) for each in told})


def test_the_table_shows_what_was_predicted(autoprec_command: Command) -> None:
    shown = autoprec_command("suggest", "factories.py:tiny", "--hardware", "cpu-x86-amx_bf16-32c")
    assert (0, []) == (shown.code, [line for line in shown.out.splitlines() if len(line) > 80])
    assert "speed-up (90 %)" in shown.out
    assert "predicted, confidence" in shown.out


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--hardware", "nvidia-h100"), "Nearest: nvidia-h"),
        (("--hardware", "cpu-x86-mmx-2c"), "amx_bf16"),
        (("--hardware", H100, "--strategy", "fsdp"), "needs trials"),
        (("--hardware", H100, "--compile"), "compile=True needs trials"),
        (("--hardware", H100, "--batch-size", "max"), "batch_size='max' needs trials"),
    ],
)
def test_what_cannot_be_predicted_as_asked_is_a_usage_error(
    autoprec_command: Command, arguments: tuple[str, ...], told: str
) -> None:
    done = autoprec_command("suggest", "factories.py:tiny", *arguments)
    assert (2, "") == (done.code, done.out)
    assert told in done.err
    assert "Traceback" not in done.err


def test_another_machine_cannot_be_measured(autoprec_command: Command) -> None:
    done = autoprec_command("probe", "--measure", "--from", "cpuinfo.txt")
    assert (2, True) == (done.code, "--measure measures this machine" in done.err)


def test_a_strategy_is_refused_before_anything_is_loaded() -> None:
    from autoprec.suggestion import suggest  # noqa: PLC0415 (loads what the other tests do not need)

    with pytest.raises(StudyError, match="hardware="):
        suggest("nowhere.py:nothing", hardware=H100, strategy="fsdp")


def test_rates_are_measured_kept_and_told(autoprec_command: Command, tmp_path: Path) -> None:
    variables = {"XDG_CACHE_HOME": str(tmp_path)}
    measured = autoprec_command("probe", "--measure", **variables)
    assert (0, []) == (measured.code, [line for line in measured.out.splitlines() if len(line) > 80])
    assert "matmul float32" in measured.out
    (file,) = (tmp_path / "autoprec" / "rates").iterdir()
    record = RateRecord.model_validate_json(file.read_text(encoding="utf-8"))
    KeptRates(file.parent).save(record.model_copy(update={"busy_cores": 0.0}))  # other tests may run beside this one
    profile = HardwareProfile.model_validate_json(autoprec_command("probe", "--json", **variables).out)
    assert {"float32", "bfloat16", "float16", "float64"} <= {each.dtype for each in profile.measured}
    verdicts = json.loads(autoprec_command("precisions", "--json", **variables).out)
    bf16 = next(each["reason"] for each in verdicts if each["candidate"]["precision"] == "bf16-true")
    assert "easur" in bf16
