"""What each strategy makes of a precision, before the hardware is asked.

Sources: torch.distributed.fsdp.fully_shard (dtypes by MixedPrecisionPolicy), deepspeed/accelerator/cpu_accelerator.py
(`is_fp16_supported`) and deepspeed/runtime/engine.py (`_do_sanity_check`) of DeepSpeed 0.19.8; torch_xla/runtime.py
(`set_device_type`: TPU or CPU) of torch-xla 2.9.0.
"""

from autoprec_probe.candidate import Device, Strategy
from autoprec_probe.features import FP16_COMPUTE
from autoprec_probe.rules.case import Case
from autoprec_probe.verdict import Verdict

_FSDP_SOURCE = "https://docs.pytorch.org/docs/stable/distributed.fsdp.fully_shard.html"
_DEEPSPEED_SOURCE = "https://www.deepspeed.ai/docs/config-json/"
_XLA_SOURCE = "https://docs.pytorch.org/xla/"

_HALF_AND_SINGLE = ("32-true", "bf16-mixed", "16-mixed", "bf16-true", "16-true")
_PRECISIONS: dict[Strategy, tuple[str, ...]] = {
    "fsdp": _HALF_AND_SINGLE,
    "deepspeed": _HALF_AND_SINGLE,
    "xla": (*_HALF_AND_SINGLE, "64-true"),
}
"""What each has a dtype for."""
_DEVICES: dict[Strategy, tuple[Device, ...]] = {
    "fsdp": ("cpu", "cuda", "xpu"),
    "deepspeed": ("cpu", "cuda", "xpu"),
    "xla": ("tpu", "cpu"),
}
_SOURCES: dict[Strategy, str] = {"fsdp": _FSDP_SOURCE, "deepspeed": _DEEPSPEED_SOURCE, "xla": _XLA_SOURCE}
_NAMES: dict[Strategy, str] = {"fsdp": "FSDP", "deepspeed": "DeepSpeed", "xla": "XLA"}


def strategy_gate(case: Case) -> Verdict | None:
    """Refuse what a strategy cannot run on any machine of this kind."""
    strategy, precision = case.candidate.strategy, case.candidate.precision
    if strategy == "single":
        return None
    name = _NAMES[strategy]
    if case.device not in _DEVICES[strategy]:
        return Verdict(
            level="unsupported",
            reason=f"{name} runs on {', '.join(_DEVICES[strategy])}, not on {case.device!r}.",
            remedy="Use strategy 'single'.",
            source=_SOURCES[strategy],
        )
    if precision not in _PRECISIONS[strategy]:
        return Verdict(
            level="unsupported",
            reason=f"{precision} has no meaning under {name}, which runs {', '.join(_PRECISIONS[strategy])}.",
            remedy=f"Use strategy 'single' for {precision}, or one of these.",
            source=_SOURCES[strategy],
        )
    return _deepspeed_fp16(case) if strategy == "deepspeed" else None


def deepspeed_gate(case: Case) -> Verdict | None:
    """Refuse DeepSpeed where it is not installed; a profile that was not asked gets the benefit of doubt."""
    if case.candidate.strategy != "deepspeed" or not case.lacks("deepspeed"):
        return None
    return Verdict(
        level="missing-package",
        reason="The strategy 'deepspeed' needs the package deepspeed, which is not installed.",
        remedy="DS_BUILD_OPS=0 pip install --no-build-isolation deepspeed",
        source="https://www.deepspeed.ai/tutorials/advanced-install/",
    )


def _deepspeed_fp16(case: Case) -> Verdict | None:
    """DeepSpeed's fp16 mode asks oneDNN whether the CPU multiplies fp16, and refuses where it does not."""
    if case.device != "cpu" or case.candidate.precision != "16-true":
        return None
    if not FP16_COMPUTE.isdisjoint(case.profile.cpu.features):
        return None
    return Verdict(
        level="unsupported",
        reason=f"DeepSpeed refuses its fp16 mode on {case.device_name}, which shows no fp16 arithmetic: "
        "Type fp16 is not supported on your device.",
        remedy="Use bf16-true or bf16-mixed.",
        source=_DEEPSPEED_SOURCE,
    )
