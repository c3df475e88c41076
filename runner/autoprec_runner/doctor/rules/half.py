"""What a device makes of number formats other than fp32."""

from collections.abc import Iterator

from autoprec_probe.profile import MeasuredRate
from autoprec_probe.rules.case import FORMATS
from autoprec_probe.support import Support, matmul_options
from autoprec_runner.doctor.case import StaticCase, TrialCase, names
from autoprec_runner.doctor.registry import Rule, Told, found_in_trials, found_statically
from autoprec_runner.quantities import duration, figure

_DTYPES = {"bf16": "bfloat16", "fp16": "float16"}
_MUCH_SLOWER = 2.0

BF16_EMULATED = Rule(
    id="bf16-emulated",
    severity="warning",
    happens="bf16 is called supported and emulated in fp32, slower than fp32 itself.",
    why="torch.cuda.is_bf16_supported() is true on T4, V100 and RTX 20, which have no bf16 arithmetic: it begins with "
    "compute capability 8.0 (Ampere). Apple's M1 and M2 emulate it likewise.",
    found="From the compute capability, or the generation of an Apple GPU; what PyTorch says is not asked.",
    remedy="Use 16-mixed.",
    references=(
        "https://github.com/pytorch/pytorch/issues/124996",
        "https://github.com/pytorch/pytorch/pull/148322",
        "https://github.com/huggingface/transformers/pull/40458",
    ),
)


@found_statically(BF16_EMULATED)
def bf16_emulated(case: StaticCase) -> Iterator[Told]:
    """The probe's verdict on bf16, on anything but a CPU."""
    if case.device != "cpu":
        yield from _by_reason([each for each in case.of_format("bf16") if each.level == "emulated"])


HALF_SLOW_ON_CPU = Rule(
    id="half-slow-on-cpu",
    severity="warning",
    happens="On a CPU without arithmetic for it, half precision is many times slower than fp32.",
    why="Without avx512_bf16, AMX or their counterparts on ARM, PyTorch converts for every product or falls back to a "
    "naive one: bf16 was measured 44 to 499 times slower than fp32, fp16 64 to 503 times.",
    found="From the processor's flags and, where the profile has them, measured rates of matrix products. Trials are "
    "cut off as soon as they cannot win.",
    remedy="Use 32-true.",
    references=(
        "https://github.com/pytorch/pytorch/issues/146508",
        "https://github.com/pytorch/pytorch/issues/118499",
        "https://github.com/pytorch/pytorch/issues/111456",
    ),
)


@found_statically(HALF_SLOW_ON_CPU)
def half_slow_on_cpu(case: StaticCase) -> Iterator[Told]:
    """The probe's verdict on a CPU; a measured rate outweighs the flags."""
    if case.device != "cpu":
        return
    for number_format in ("bf16", "fp16"):
        verdicts = [each for each in case.of_format(number_format) if each.can_run]
        slower = _measured_slowdown(case.profile.measured, _DTYPES[number_format])
        if slower is None:
            yield from _by_reason([each for each in verdicts if each.level == "emulated"])
        elif slower > _MUCH_SLOWER and verdicts:
            yield Told(
                sentence=f"A {number_format} matrix product was measured {figure(slower)} times slower than an fp32 "
                f"one on {case.device_name}.",
                candidates=names([each.candidate for each in verdicts]),
            )


@found_in_trials(HALF_SLOW_ON_CPU)
def half_was_slow_on_cpu(case: TrialCase) -> Iterator[Told]:
    """Emulated candidates that were cut off, or took far longer than the reference."""
    reference = case.reference.step_seconds if case.reference else None
    for each in case.tried:
        last = each.last
        if last.support != "emulated" or not last.hardware_key.startswith("cpu-") or each.candidate.emulate:
            continue
        if FORMATS.get(each.candidate.precision) not in _DTYPES:
            continue
        if last.status == "timeout":
            yield Told(sentence=f"{each.name} was cut off. {last.reason.splitlines()[0]}", candidates=(each.name,))
        elif reference and each.step_seconds and each.step_seconds > _MUCH_SLOWER * reference:
            yield Told(
                sentence=f"{each.name} took {duration(each.step_seconds)} a step, "
                f"{figure(each.step_seconds / reference)} times as long as 32-true.",
                candidates=(each.name,),
            )


FP16_ON_TPU = Rule(
    id="fp16-on-tpu",
    severity="warning",
    happens="A TPU has no fp16: what runs is something else than what was asked for.",
    why="16-mixed becomes bf16 autocast in one library, fp32 in another and an error in a third; XLA_USE_BF16 and its "
    "kin are read once a process and change every dtype silently.",
    found="From the kind of device. Afterwards, the effective dtypes of each trial say what really ran; each trial has "
    "a process of its own, so that no setting of one reaches another.",
    remedy="Use bf16-mixed or bf16-true.",
    references=(
        "https://github.com/Lightning-AI/pytorch-lightning/issues/18172",
        "https://github.com/Lightning-AI/pytorch-lightning/issues/17927",
    ),
)


@found_statically(FP16_ON_TPU)
def fp16_on_tpu(case: StaticCase) -> Iterator[Told]:
    """The probe's verdict on fp16 on a TPU."""
    if case.device == "tpu":
        yield from _by_reason([each for each in case.of_format("fp16") if each.can_run])


NO_FLOAT64 = Rule(
    id="no-float64",
    severity="error",
    happens="Apple's GPUs have no float64: every such tensor is an error.",
    why="Metal knows no double precision. One float64 tensor in a batch, which NumPy makes by default, is enough.",
    found="From the kind of device, the candidates, and the dtypes of the first batch.",
    remedy="Use float32, or the CPU for 64-true.",
    references=("https://github.com/Lightning-AI/pytorch-lightning/issues/21261",),
)


@found_statically(NO_FLOAT64)
def no_float64(case: StaticCase) -> Iterator[Told]:
    """Candidates and batches in float64 on Metal."""
    if case.device != "mps":
        return
    if case.asked_for:  # otherwise the screen refuses it, and nobody misses it
        yield from _by_reason(case.of_format("fp64"))
    if "float64" in case.traits.input_dtypes:
        yield Told(
            sentence=f"The batch holds float64 tensors, and {case.device_name} has no float64.",
            remedy="Convert them to float32 where the data are loaded.",
        )


TF32_LEFT_OFF = Rule(
    id="tf32-left-off",
    severity="note",
    happens="32-true leaves the matrix units idle, because PyTorch multiplies in full fp32 unless told otherwise.",
    why="torch.set_float32_matmul_precision is 'highest' by default. On Ampere and later, 'high' multiplies in TF32 on "
    "the tensor cores; on CPUs with bf16 arithmetic, 'medium' lets oneDNN use bf16.",
    found="From the hardware. A study tries 32-true with the lower setting as a candidate of its own.",
    remedy="See what a study says of 32-true with a lower matmul precision.",
    references=(
        "https://github.com/pytorch/pytorch/issues/153195",
        "https://github.com/Lightning-AI/pytorch-lightning/issues/12997",
    ),
)


@found_statically(TF32_LEFT_OFF)
def tf32_left_off(case: StaticCase) -> Iterator[Told]:
    """A lower matmul precision that this device has units for."""
    lower = [each for each in matmul_options(case.profile, case.device) if each != "highest"]
    if lower and (plain := case.runnable("32-true")):
        what = "TF32" if case.device == "cuda" else "bf16"
        yield Told(
            sentence=f"32-true multiplies in full fp32 by default; {case.device_name} may also multiply fp32 matrices "
            f"in {what}, with matmul precision {lower[0]!r}.",
            candidates=names([each for each in plain if each.matmul_precision == "highest"]),
        )


def _by_reason(verdicts: list[Support]) -> Iterator[Told]:
    """Tell each reason of the probe once, with its remedies and all candidates that it is about."""
    about: dict[str, list[Support]] = {}
    for each in verdicts:
        about.setdefault(each.reason, []).append(each)
    for reason, some in about.items():
        remedies = dict.fromkeys(each.remedy for each in some if each.remedy)
        yield Told(sentence=reason, remedy=" ".join(remedies), candidates=names([each.candidate for each in some]))


def _measured_slowdown(measured: tuple[MeasuredRate, ...], dtype: str) -> float | None:
    """Return how many times slower a CPU multiplied in `dtype` than in float32, None where that was not measured."""
    rates = {each.dtype: each.tflops for each in measured if each.device == "cpu" and each.operation == "matmul"}
    ours, fp32 = rates.get(dtype), rates.get("float32")
    return fp32 / ours if ours and fp32 else None
