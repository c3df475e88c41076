"""Results of DeepSpeed's autotuning: https://www.deepspeed.ai/tutorials/autotuning/ (`autotuning_results` of 0.19)."""

from pathlib import Path
from typing import Any

from autoprec_probe.candidate import Candidate
from autoprec_probe.profile import Cpu, HardwareProfile, Software
from autoprec_runner.trial import TrialStatus
from autoprec_service.errors import ExchangeError
from autoprec_service.exchange.foreign import Measured, add_measured, read_object, written_at
from autoprec_service.exchange.report import ImportReport
from autoprec_service.store.contract import Store

_TOOL = "deepspeed-autotuning"
_PROFILING = "profile_model_info"
_AUTOCAST = {
    "bfloat16": "bf16-mixed",
    "torch.bfloat16": "bf16-mixed",
    "float16": "16-mixed",
    "torch.float16": "16-mixed",
}
_PRECISION_KEYS = {"bf16", "bfloat16", "fp16", "torch_autocast", "autotuning"}
_MICROSECONDS = 1e-6
_MEASURED: tuple[TrialStatus, str] = ("ok", "Measured")
_NOTES = {
    "The latency was left out: it is a trimmed mean, and a step time here is a median with its interval.",
    "The time of measurement is that of the files: the format tells none.",
    "What is known of the machine is its hardware key alone, as it was given.",
}


def import_deepspeed(store: Store, folder: Path, *, model: str, hardware_key: str) -> ImportReport:
    """Add the experiments below a folder of results; lines are experiments, in the order of their names.

    The files tell neither what the model is called nor which machine it was.

    Raises:
        ExchangeError: There is no experiment in the folder.
        StoreError: The store cannot be read or written.
    """
    files = sorted(each for each in folder.rglob("exp.json") if each.parent.name != _PROFILING)
    if not files:
        raise ExchangeError(f"There is no exp.json below {folder}. Give the results_dir of DeepSpeed's autotuning.")
    found = [(number, _read(each, model, hardware_key)) for number, each in enumerate(files, 1)]
    return add_measured(store, found, set(_NOTES))


def _read(path: Path, model: str, key: str) -> Measured | ValueError:
    name = path.parent.name
    try:
        return _measured(path, read_object(path), model, key)
    except ValueError as error:
        return ValueError(f"{name}: {error}")
    except (KeyError, TypeError, AttributeError) as error:
        return ValueError(f"{name}: it is no experiment with ds_config ({type(error).__name__}: {error}).")


def _measured(path: Path, experiment: dict[str, Any], model: str, key: str) -> Measured:
    config = experiment["ds_config"]
    metrics_file = path.with_name("metrics.json")
    metrics = read_object(metrics_file) if metrics_file.exists() else None
    status, reason = _MEASURED if metrics else _failure(path.with_name("stderr.log"))
    return Measured(
        tool=_TOOL,
        model=model,
        question={
            "ds_config": {name: value for name, value in config.items() if name not in _PRECISION_KEYS},
            "num_gpus": experiment.get("num_gpus"),
            "num_nodes": experiment.get("num_nodes"),
        },
        mode="train",
        hardware=HardwareProfile(
            system="unknown", cpu=Cpu(architecture="unknown"), software=Software(python="unknown")
        ),
        hardware_key=key,
        candidate=Candidate(precision=_precision(config), strategy="deepspeed"),
        status=status,
        reason=f"{reason} in {experiment.get('name')} by DeepSpeed's autotuning; its numerics were not judged.",
        samples_per_second=float(metrics["throughput"]) if metrics else None,
        wall_seconds=float(metrics["latency"]) * _MICROSECONDS if metrics else 0.0,
        seed=0,
        started_at=written_at(metrics_file if metrics else path),
    )


def _precision(config: dict[str, Any]) -> str:
    if _on(config, "torch_autocast"):
        dtype = config["torch_autocast"].get("dtype")
        if dtype not in _AUTOCAST:
            raise ValueError(f"torch_autocast to {dtype!r} has no precision of ours.")
        return _AUTOCAST[dtype]
    if _on(config, "bf16") or _on(config, "bfloat16"):
        return "bf16-true"
    return "16-true" if _on(config, "fp16") else "32-true"


def _on(config: dict[str, Any], name: str) -> bool:
    """Return whether a part of the configuration is switched on.

    Raises:
        ValueError: Only the model that ran knew.
    """
    enabled = (config.get(name) or {}).get("enabled", False)
    if not isinstance(enabled, bool):
        raise ValueError(f"{name} is {enabled!r}, so that the precision is not told.")  # noqa: TRY004 (a wrong value)
    return enabled


def _failure(log: Path) -> tuple[TrialStatus, str]:
    """Return how an experiment without metrics ended, from what it wrote."""
    lines = log.read_text(errors="replace").splitlines() if log.exists() else []
    if any("OutOfMemoryError" in line or "out of memory" in line for line in lines):
        return "oom", "Ran out of memory"
    last = next((line.strip() for line in reversed(lines) if "Error" in line), None)
    return "error", f"Ended without metrics ({last or 'no error was written'})"
