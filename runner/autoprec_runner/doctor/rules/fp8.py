"""FP8: which layers, which libraries, which recipe.

Source of the sizes below which FP8 was seen to lose: torchao's `_auto_filter_for_tensorwise`, measured on an H100.
"""

from collections.abc import Iterator

from autoprec_probe.candidate import Candidate
from autoprec_probe.fp8 import ADA, default_recipe
from autoprec_probe.rules.case import FORMATS
from autoprec_runner.doctor.case import StaticCase, TrialCase, names
from autoprec_runner.doctor.registry import Rule, Told, found_in_trials, found_statically
from autoprec_runner.doctor.traits import LinearShape
from autoprec_runner.quantities import duration, percent

_MULTIPLE, _MXFP8_MULTIPLE = 16, 32
_ROWS_MULTIPLE = 16
_SMALL_IN, _SMALL_OUT = 1024, 4096
_MOSTLY = 0.5
_NAMED = 3
_FNUZ_TARGETS = ("gfx940", "gfx941", "gfx942")

FP8_MISFIT_LAYERS = Rule(
    id="fp8-misfit-layers",
    severity="warning",
    happens="Layers whose dimensions are no multiples of 16 stay out of FP8, unnoticed.",
    why="The products of FP8 take dimensions in multiples of 16 (of 32 for MXFP8), rows of the batch included. "
    "Libraries skip layers that do not fit, or fail in the middle of a run.",
    found="From the shapes of the linear layers and of the batch. Afterwards, the effective dtypes name what was "
    "skipped.",
    remedy="Pad the dimensions.",
    references=(
        "https://github.com/NVIDIA/TransformerEngine/issues/1422",
        "https://github.com/NVIDIA/TransformerEngine/issues/232",
    ),
)


@found_statically(FP8_MISFIT_LAYERS)
def fp8_misfit_layers(case: StaticCase) -> Iterator[Told]:
    """The share of work in linear layers that fits, and the rows of the batch."""
    tried, multiple = _fp8_candidates(case), _multiple(case)
    everything = sum(each.weights for each in case.traits.linears)
    misfits = list(case.traits.misfits(multiple))
    if not tried:
        return
    if misfits or not everything:
        left = sum(each.weights for each in misfits)
        fits = (everything - left) / everything if everything else 0.0
        yield Told(
            sentence=f"{percent(fits)} of the floating-point operations in linear layers can run in FP8"
            f"{_told(misfits, multiple)}.",
            candidates=names(tried),
        )
    rows = case.traits.rows
    if rows is not None and rows % _ROWS_MULTIPLE:
        yield Told(
            sentence=f"A step has {rows} rows, and Transformer Engine takes multiples of {_ROWS_MULTIPLE}.",
            remedy=f"Use batches of {_padded(rows, _ROWS_MULTIPLE)} rows.",
            candidates=names(tried),
        )


def _told(misfits: list[LinearShape], multiple: int) -> str:
    """Name the layers with the most work that do not fit, each with the padding that mends it."""
    most = sorted(misfits, key=lambda each: -each.weights)
    parts = [f"`{each.first or 'the model itself'}`{_others(each)}: {_why(each, multiple)}" for each in most[:_NAMED]]
    if len(most) > _NAMED:
        parts.append(f"and {len(most) - _NAMED} more shapes")
    return f"; left out are {'; '.join(parts)}" if parts else ", as there are none"


def _others(shape: LinearShape) -> str:
    return f" and {shape.count - 1} more of its shape" if shape.count > 1 else ""


def _why(shape: LinearShape, multiple: int) -> str:
    if shape.misfit:
        return shape.misfit
    sizes = (("in_features", shape.in_features), ("out_features", shape.out_features))
    wrong = [f"{name}={given}, pad it to {_padded(given, multiple)}" for name, given in sizes if given % multiple]
    return " and ".join(wrong)


def _padded(count: int, multiple: int) -> int:
    return -(-count // multiple) * multiple


FP8_OLD_LIBRARIES = Rule(
    id="fp8-old-libraries",
    severity="warning",
    happens="FP8 on Ada (RTX 40, L4, L40S) does not run with older libraries.",
    why="Three gates have to open: compute capability 8.9, CUDA 12.1 and cuBLASLt 12.1.3. Hopper and later need only "
    "the first.",
    found="From the compute capability and the versions of the installed packages.",
    remedy="Install a build of torch for CUDA 12.1 or newer, with its nvidia-cublas.",
    references=(
        "https://github.com/NVIDIA/TransformerEngine/issues/15",
        "https://github.com/NVIDIA/TransformerEngine/issues/610",
    ),
)


@found_statically(FP8_OLD_LIBRARIES)
def fp8_old_libraries(case: StaticCase) -> Iterator[Told]:
    """A refusal on Ada, which is one of the libraries'."""
    refused = [each for each in case.of_format("fp8") if each.level == "unsupported"]
    if case.strategy == "single" and case.capability == ADA and refused:
        yield Told(sentence=refused[0].reason, candidates=names([each.candidate for each in refused]))


FP8_SMALL_PRODUCTS = Rule(
    id="fp8-small-products",
    severity="warning",
    happens="FP8 is slower than bf16 for small matrix products, or without torch.compile.",
    why="Scaling and casting cost more than faster products gain: a product must be large, and its casts fused, to "
    "pay.",
    found="Before any trial: most work in layers of at most 1,024 inputs and 4,096 outputs, which lost on an H100. In "
    "trials: step times beside bf16-mixed.",
    remedy="Use bf16-mixed, or see what a trial says.",
    references=(
        "https://github.com/pytorch/ao/issues/572",
        "https://github.com/pytorch/ao/issues/1297",
        "https://github.com/pytorch/ao/issues/2262",
    ),
)


@found_statically(FP8_SMALL_PRODUCTS)
def fp8_small_products(case: StaticCase) -> Iterator[Told]:
    """Most of the work in layers that are too small."""
    tried = [each for each in _fp8_candidates(case) if not each.emulate]
    linears = case.traits.linears
    small = [each for each in linears if each.in_features <= _SMALL_IN and each.out_features <= _SMALL_OUT]
    everything, lost = sum(each.weights for each in linears), sum(each.weights for each in small)
    if tried and everything and lost > _MOSTLY * everything:
        largest = max(small, key=lambda each: each.in_features * each.out_features)
        yield Told(
            sentence=f"{percent(lost / everything)} of the work in linear layers is in small ones, at most "
            f"{largest.in_features} inputs and {largest.out_features} outputs: casting to FP8 is likely to cost more "
            "than it gains.",
            candidates=names(tried),
        )


@found_in_trials(FP8_SMALL_PRODUCTS)
def fp8_was_slower(case: TrialCase) -> Iterator[Told]:
    """FP8 that took as long as half precision, or longer."""
    half = [each.step_seconds for each in case.with_precision("bf16-mixed", "16-mixed") if each.step_seconds]
    for each in case.with_precision("transformer-engine", "transformer-engine-float16"):
        if half and each.step_seconds and each.step_seconds >= min(half):
            yield Told(
                sentence=f"{each.name} took {duration(each.step_seconds)} a step against {duration(min(half))} in "
                "mixed half precision.",
                candidates=(each.name,),
            )


FP8_DELAYED_SCALING_COMPILED = Rule(
    id="fp8-delayed-scaling-compiled",
    severity="note",
    happens="Delayed scaling is refused under torch.compile.",
    why="Transformer Engine's delayed scaling keeps a history outside of the graph. The best recipe differs by "
    "architecture: delayed scaling on Ada and Hopper, MXFP8 on Blackwell, current scaling on RTX 50.",
    found="From the model, a part of which is compiled, and the recipe of the architecture.",
    remedy="Current scaling stands in by itself; name no recipe, or name that one.",
    references=("https://docs.nvidia.com/deeplearning/transformer-engine/user-guide/api/common.html",),
)


@found_statically(FP8_DELAYED_SCALING_COMPILED)
def fp8_delayed_scaling_compiled(case: StaticCase) -> Iterator[Told]:
    """A compiled model where the recipe would be delayed scaling."""
    capability, tried = case.capability, _fp8_candidates(case)
    if case.traits.compiled and tried and capability and default_recipe(capability) == "DelayedScaling":
        yield Told(
            sentence=f"The model is compiled, where {case.device_name} cannot follow its recipe DelayedScaling: "
            f"{default_recipe(capability, compiled=True)} stands in.",
            candidates=names(tried),
        )


FP8_FNUZ = Rule(
    id="fp8-fnuz",
    severity="note",
    happens="MI300X has other FP8 types than everybody else, and was slow in them.",
    why="gfx942 computes float8_e4m3fnuz, which ends at 240 where e4m3fn ends at 448: scales made for one are wrong by "
    "a factor of two for the other. torch's scaled product was measured at a twelfth of what it reaches on an H100.",
    found="From the target of an AMD device.",
    remedy="Use bf16-mixed; convert FP8 checkpoints together with their scales.",
    references=("https://github.com/pytorch/pytorch/issues/143465",),
)


@found_statically(FP8_FNUZ)
def fp8_fnuz(case: StaticCase) -> Iterator[Told]:
    """FP8 to be tried on CDNA 3."""
    device = case.accelerator
    target = (device.gfx_target or device.architecture or "") if device and device.vendor == "AMD" else ""
    if target.startswith(_FNUZ_TARGETS) and (wanted := case.of_format("fp8")):
        yield Told(
            sentence=f"{case.device_name} ({target}) computes the FNUZ types of FP8, which end at 240; torch's scaled "
            "product reached about 110 TFLOP/s in them, far below its peak.",
            candidates=names([each.candidate for each in wanted]),
        )


def _fp8_candidates(case: StaticCase) -> list[Candidate]:
    """Return the candidates in FP8 that this device could run if its package were there, and emulations."""
    wanted = [each for each in case.verdicts if FORMATS[each.candidate.precision] == "fp8"]
    return [each.candidate for each in wanted if each.can_run or each.level == "missing-package"]


def _multiple(case: StaticCase) -> int:
    is_mxfp8 = case.capability is not None and default_recipe(case.capability) == "MXFP8BlockScaling"
    return _MXFP8_MULTIPLE if is_mxfp8 else _MULTIPLE
