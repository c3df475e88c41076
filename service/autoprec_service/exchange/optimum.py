"""Results of optimum-benchmark: https://github.com/huggingface/optimum-benchmark (`benchmark.json` of 0.2 to 0.6)."""

import math
from pathlib import Path
from typing import Any

from autoprec_probe.candidate import Candidate
from autoprec_probe.key import hardware_key as key_of
from autoprec_probe.profile import Accelerator, Cpu, HardwareProfile, Software
from autoprec_runner.trial import Mode, StepTime
from autoprec_service.errors import ExchangeError
from autoprec_service.exchange.foreign import Measured, add_measured, read_object, written_at
from autoprec_service.exchange.report import ImportReport
from autoprec_service.store.contract import Store

_TOOL = "optimum-benchmark"
_TRUE = {None: "32-true", "float32": "32-true", "bfloat16": "bf16-true", "float16": "16-true"}
_MIXED = {"bfloat16": "bf16-mixed", "float16": "16-mixed"}
_STEPS: dict[Mode, tuple[str, ...]] = {"train": ("train",), "inference": ("forward", "prefill")}
_MEGABYTE = 1_000_000
_NOTES = {
    "decode": "Figures of decoding, loading and warm-up were left out: a step here is one forward pass or one update.",
    "memory": "max_ram was left out: it counts the whole process, ours only what the workload added.",
    "time": "The time of measurement is that of the file: the format tells none.",
    "energy": "Energy was left out: it is of a whole run with everything on the machine in it.",
}


def import_optimum(store: Store, path: Path, *, hardware_key: str | None = None) -> ImportReport:
    """Add the results of `benchmark.json`, or of every such file below a folder; lines are files, in their order.

    Without `hardware_key` it follows from the name of the GPU; of a CPU the format does not tell what decides its key.

    Raises:
        ExchangeError: There is no such file.
        StoreError: The store cannot be read or written.
    """
    files = [path] if path.is_file() else sorted(path.rglob("benchmark.json"))
    if not files:
        raise ExchangeError(f"There is no benchmark.json at {path}. Give that file, or the folder of a run.")
    notes = {_NOTES["time"]}
    return add_measured(
        store, [(number, _read(each, hardware_key, notes)) for number, each in enumerate(files, 1)], notes
    )


def _read(path: Path, key: str | None, notes: set[str]) -> Measured | ValueError:
    try:
        return _measured(path, read_object(path), key, notes)
    except ValueError as error:
        return ValueError(f"{path.name}: {error}")
    except (KeyError, TypeError, AttributeError) as error:
        return ValueError(f"{path.name}: it is no benchmark with config and report ({type(error).__name__}: {error}).")


def _measured(path: Path, benchmark: dict[str, Any], key: str | None, notes: set[str]) -> Measured:
    config, report = benchmark["config"], benchmark["report"]
    backend, scenario, environment = config["backend"], config["scenario"], config["environment"]
    if backend["name"] != "pytorch":
        raise ValueError(f"the backend is {backend['name']!r}; only pytorch has precisions of ours.")
    mode: Mode = "train" if scenario["name"] == "training" else "inference"
    step = next((report[name] for name in _STEPS[mode] if report.get(name)), None)
    if step is None:
        raise ValueError(f"there is no {' or '.join(_STEPS[mode])} in its report.")
    time = _step_time(step["latency"])
    _note(report, step, notes)
    profile = _profile(environment, backend)
    return Measured(
        tool=_TOOL,
        model=str(backend["model"]),
        question={
            "scenario": {
                name: scenario.get(name) for name in ("name", "input_shapes", "dataset_shapes", "training_arguments")
            },
            "backend": {name: value for name, value in backend.items() if name not in _ANSWERS},
        },
        mode=mode,
        hardware=profile,
        hardware_key=key or _key(profile, backend),
        candidate=_candidate(backend),
        reason=f"Measured by {_TOOL} {environment.get('optimum_benchmark_version')}; its numerics were not judged.",
        step_time=time,
        samples_per_second=_rate(step.get("throughput")),
        peak_memory_bytes=_peak(step.get("memory")),
        software={"torch": backend.get("version"), "python": environment.get("python_version")},
        wall_seconds=float(step["latency"]["total"]),
        seed=int(backend.get("seed") or 0),
        started_at=written_at(path),
    )


_ANSWERS = {
    "torch_dtype",
    "autocast_enabled",
    "autocast_dtype",
    "amp_autocast",
    "amp_dtype",
    "quantization_scheme",
    "quantization_strategy",
    "quantization_config",
    "torch_compile",
    "torch_compile_config",
    "torch_compile_target",
    "version",
}
"""What makes a candidate, or is software, rather than part of the question."""


def _candidate(backend: dict[str, Any]) -> Candidate:
    return Candidate(precision=_precision(backend), compile=bool(backend.get("torch_compile")))


def _precision(backend: dict[str, Any]) -> str:
    dtype = backend.get("torch_dtype")
    scheme = backend.get("quantization_scheme") or backend.get("quantization_strategy")
    if scheme:
        return _quantized(str(scheme), backend.get("quantization_config") or {})
    if not (backend.get("autocast_enabled") or backend.get("amp_autocast")):
        if dtype not in _TRUE:
            raise ValueError(f"torch_dtype is {dtype!r}, which does not tell a precision; known: {_known(_TRUE)}.")
        return _TRUE[dtype]
    half = backend.get("autocast_dtype") or backend.get("amp_dtype")
    if half not in _MIXED or dtype not in {None, "float32"}:
        raise ValueError(f"autocast to {half!r} over weights in {dtype!r} has no precision of ours.")
    return _MIXED[half]


def _quantized(scheme: str, config: dict[str, Any]) -> str:
    if scheme != "bnb":
        raise ValueError(f"the quantization {scheme!r} has no precision of ours.")
    if config.get("load_in_8bit"):
        return "bnb-int8"
    if not config.get("load_in_4bit"):
        raise ValueError("bitsandbytes was asked for neither 4 nor 8 bits.")
    # The default of transformers' BitsAndBytesConfig is fp4, without nesting.
    kind = config.get("bnb_4bit_quant_type") or "fp4"
    return f"bnb-{kind}" + ("-dq" if config.get("bnb_4bit_use_double_quant") else "")


def _step_time(latency: dict[str, Any]) -> StepTime:
    """Return median and interval of the single times: the order statistics that hold the median with 95 %.

    Ranks by the normal approximation of the binomial distribution, n/2 ∓ 1.96 √n / 2.
    """
    if latency["unit"] != "s":
        raise ValueError(f"the unit of its latency is {latency['unit']!r}; known: s.")
    times = sorted(float(each) for each in latency["values"])
    if not times:
        raise ValueError("its latency has no values.")
    number, reach = len(times), 1.96 * math.sqrt(len(times)) / 2
    low = times[max(0, math.floor(number / 2 - reach))]
    high = times[min(number - 1, math.ceil(number / 2 + reach))]
    return StepTime(median_seconds=float(latency["p50"]), low_seconds=low, high_seconds=high, steps=number)


def _rate(throughput: dict[str, Any] | None) -> float | None:
    return float(throughput["value"]) if throughput and throughput.get("unit") == "samples/s" else None


def _peak(memory: dict[str, Any] | None) -> int | None:
    """Return the peak of torch's allocator, which is what ours is on an accelerator."""
    if not memory or memory.get("max_allocated") is None:
        return None
    if memory["unit"] != "MB":
        raise ValueError(f"the unit of its memory is {memory['unit']!r}; known: MB.")
    return round(float(memory["max_allocated"]) * _MEGABYTE)


def _profile(environment: dict[str, Any], backend: dict[str, Any]) -> HardwareProfile:
    names = environment.get("gpu") or []
    vendor = "amd" if any("amd" in str(name).lower() or "instinct" in str(name).lower() for name in names) else "nvidia"
    cores = environment.get("cpu_count")
    return HardwareProfile(
        system=str(environment.get("system")),
        cpu=Cpu(
            architecture=str(environment.get("machine")),
            model_name=str(environment["cpu"]).strip() if environment.get("cpu") else None,
            logical_cores=int(cores) if cores else None,
        ),
        accelerators=tuple(
            Accelerator(kind="cuda", index=index, vendor=vendor, name=str(name)) for index, name in enumerate(names)
        ),
        software=Software(python=str(environment.get("python_version")), packages={"torch": backend.get("version")}),
    )


def _key(profile: HardwareProfile, backend: dict[str, Any]) -> str:
    if backend.get("device") == "cuda" and profile.accelerators:
        return key_of(profile, "cuda")
    raise ValueError(f"it does not tell enough of its {backend.get('device')} for a hardware key. Give --hardware KEY.")


def _note(report: dict[str, Any], step: dict[str, Any], notes: set[str]) -> None:
    if any(report.get(name) and report[name] is not step for name in report):
        notes.add(_NOTES["decode"])
    if (step.get("memory") or {}).get("max_ram") is not None:
        notes.add(_NOTES["memory"])
    if any((each or {}).get("energy") for each in report.values()):
        notes.add(_NOTES["energy"])


def _known(names: dict[str | None, str]) -> str:
    return ", ".join(name for name in names if name)
