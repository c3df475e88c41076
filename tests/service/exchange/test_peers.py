"""Results of peers, in files that are made here after their formats."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from autoprec_service.errors import ExchangeError
from autoprec_service.exchange import import_deepspeed, import_optimum
from autoprec_service.store import Store, open_store

LATENCY = {"unit": "s", "values": [0.25, 0.2, 0.3, 0.22, 0.21], "count": 5, "total": 1.18, "mean": 0.236, "p50": 0.22}


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with open_store(tmp_path / "store.db") as opened:
        yield opened


def benchmark(target: str = "forward", latency: dict[str, Any] | None = None, **backend: Any) -> dict[str, Any]:
    memory = {"unit": "MB", "max_ram": 900.0, "max_allocated": 512.5}
    throughput = {"unit": "samples/s", "value": 4.5}
    return {
        "config": {
            "name": "a run",
            "backend": {"name": "pytorch", "version": "2.4.1", "model": "bert", "device": "cuda", "seed": 42} | backend,
            "scenario": {"name": "training" if target == "train" else "inference", "input_shapes": {"batch_size": 1}},
            "environment": {
                "cpu": " Some CPU",
                "cpu_count": 8,
                "system": "Linux",
                "machine": "x86_64",
                "python_version": "3.10.14",
                "gpu": ["Tesla T4"],
                "optimum_benchmark_version": "0.5.0",
            },
        },
        "report": {
            "load": {"latency": LATENCY, "memory": None},
            target: {"latency": latency or LATENCY, "memory": memory, "throughput": throughput, "energy": None},
        },
    }


def optimum(store: Store, folder: Path, *benchmarks: dict[str, Any], key: str | None = None) -> Any:
    for number, each in enumerate(benchmarks):
        path = folder / "runs" / str(number) / "benchmark.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(each))
    return import_optimum(store, folder / "runs", hardware_key=key)


@pytest.mark.parametrize(
    ("backend", "precision"),
    [
        ({}, "32-true"),
        ({"torch_dtype": "float16"}, "16-true"),
        ({"torch_dtype": "bfloat16"}, "bf16-true"),
        ({"autocast_enabled": True, "autocast_dtype": "bfloat16"}, "bf16-mixed"),
        ({"amp_autocast": True, "amp_dtype": "float16", "torch_dtype": "float32"}, "16-mixed"),
        ({"quantization_scheme": "bnb", "quantization_config": {"load_in_8bit": True}}, "bnb-int8"),
        ({"quantization_strategy": "bnb", "quantization_config": {"load_in_4bit": True}}, "bnb-fp4"),
    ],
)
def test_optimum_tells_precisions_in_its_own_words(
    store: Store, tmp_path: Path, backend: dict[str, Any], precision: str
) -> None:
    assert 2 == optimum(store, tmp_path, benchmark(**backend)).new
    (trial,) = store.trials()
    assert precision == trial.candidate.precision


@pytest.mark.parametrize(
    ("backend", "reason"),
    [
        ({"torch_dtype": "auto"}, "does not tell a precision"),
        ({"autocast_enabled": True, "autocast_dtype": "bfloat16", "torch_dtype": "float16"}, "no precision of ours"),
        ({"quantization_scheme": "gptq"}, "'gptq' has no precision of ours"),
        ({"name": "onnxruntime"}, "only pytorch"),
        ({"device": "cpu"}, "Give --hardware KEY"),
    ],
)
def test_what_optimum_measured_otherwise_is_refused(
    store: Store, tmp_path: Path, backend: dict[str, Any], reason: str
) -> None:
    (refused,) = optimum(store, tmp_path, benchmark(**backend)).refused
    assert reason in refused.reason
    assert [] == store.studies()


def test_optimum_figures_are_taken_and_nothing_is_invented(store: Store, tmp_path: Path) -> None:
    report = optimum(store, tmp_path, benchmark("train"), benchmark("train", torch_dtype="bfloat16"))
    assert 3 == report.new
    assert {"Figures", "max_ram", "The"} == {each.split()[0] for each in report.notes}
    (study,), trials = store.studies(), store.trials()
    assert ("interrupted", "nvidia-tesla-t4", 2) == (study.status, study.hardware_key, len(study.candidates))
    assert [None, None] == [each.stability for each in trials]
    time = trials[0].step_time
    assert time is not None
    assert (0.22, 0.2, 0.3, 5) == (time.median_seconds, time.low_seconds, time.high_seconds, time.steps)
    assert (512_500_000, 4.5, "train") == (trials[0].peak_memory_bytes, trials[0].samples_per_second, trials[0].mode)
    assert 0 == optimum(store, tmp_path).new


def test_a_hardware_key_may_be_given_for_what_optimum_measured(store: Store, tmp_path: Path) -> None:
    optimum(store, tmp_path, benchmark(device="cpu"), key="cpu-x86-avx512f-8c")
    assert ["cpu-x86-avx512f-8c"] == [each.hardware_key for each in store.trials()]


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"config": 1, "report": 2}', '{"config": {}, "report": {}}'])
def test_a_file_that_is_no_benchmark_is_refused(store: Store, tmp_path: Path, content: str) -> None:
    (tmp_path / "benchmark.json").write_text(content)
    (refused,) = import_optimum(store, tmp_path).refused
    assert refused.reason.startswith("benchmark.json: ")


def experiment(folder: Path, name: str, *, metrics: bool = True, error: str = "", **config: Any) -> None:
    place = folder / "results" / name
    place.mkdir(parents=True)
    ds_config = {"train_micro_batch_size_per_gpu": 8, "zero_optimization": {"stage": 1}, "autotuning": {}} | config
    told = {"name": name, "ds_config": ds_config, "num_gpus": 8, "num_nodes": 1, "exp_id": 0}
    (place / "exp.json").write_text(json.dumps(told))
    (place / "stderr.log").write_text(error)
    if metrics:
        measured = {"forward": 1e5, "latency": 250_000.0, "FLOPS_per_gpu": 1e12, "throughput": 256.0}
        (place / "metrics.json").write_text(json.dumps(measured))


def test_deepspeed_experiments_are_taken(store: Store, tmp_path: Path) -> None:
    experiment(tmp_path, "profile_model_info")
    experiment(tmp_path, "z1_a", fp16={"enabled": True})
    experiment(tmp_path, "z1_b", bf16={"enabled": True})
    experiment(tmp_path, "z1_c", torch_autocast={"enabled": True, "dtype": "bfloat16"})
    experiment(tmp_path, "z1_d", metrics=False, error="torch.OutOfMemoryError: CUDA out of memory.\n")
    report = import_deepspeed(store, tmp_path / "results", model="gpt", hardware_key="nvidia-a100")
    assert (5, 0, 3) == (report.new, len(report.refused), len(report.notes))
    found = {each.candidate.precision: (each.status, each.samples_per_second) for each in store.trials()}
    ok = ("ok", 256.0)
    assert {"16-true": ok, "bf16-true": ok, "bf16-mixed": ok, "32-true": ("oom", None)} == found
    assert {("deepspeed", None)} == {(each.candidate.strategy, each.step_time) for each in store.trials()}
    again = import_deepspeed(store, tmp_path / "results", model="gpt", hardware_key="nvidia-a100")
    assert 0 == again.new


def test_deepspeed_experiments_of_other_batches_are_other_studies(store: Store, tmp_path: Path) -> None:
    experiment(tmp_path, "a")
    experiment(tmp_path, "b", train_micro_batch_size_per_gpu=16)
    import_deepspeed(store, tmp_path, model="gpt", hardware_key="nvidia-a100")
    assert 2 == len(store.studies())


def test_a_precision_that_deepspeed_left_to_others_is_refused(store: Store, tmp_path: Path) -> None:
    experiment(tmp_path, "a", fp16={"enabled": "auto"})
    (refused,) = import_deepspeed(store, tmp_path, model="gpt", hardware_key="nvidia-a100").refused
    assert "a: fp16 is 'auto', so that the precision is not told." == refused.reason


def test_an_empty_folder_is_told(store: Store, tmp_path: Path) -> None:
    with pytest.raises(ExchangeError, match=r"no exp\.json"):
        import_deepspeed(store, tmp_path, model="gpt", hardware_key="nvidia-a100")
    with pytest.raises(ExchangeError, match=r"no benchmark\.json"):
        import_optimum(store, tmp_path / "lost")
