"""Numbers that a format cannot hold, or cannot tell apart."""

import math
from collections.abc import Iterator, Sequence

from autoprec_runner.doctor.case import StaticCase, TrialCase, Tried, names
from autoprec_runner.doctor.registry import Rule, Told, found_in_trials, found_statically
from autoprec_runner.quantities import figure, percent

_FP16 = ("16-mixed", "16-true", "transformer-engine-float16")
_FP16_MAX = 65504.0
_FP16_BITS, _FP32_BITS = 16, 128
"""log2 of the largest numbers, rounded up."""
_SCARCE_BITS = 1.0
_ROUNDS_TO_ZERO = {"16-true": 2.0**-25, "bf16-true": 2.0**-134}
"""Half of the smallest number above zero, by the precision that keeps parameters in the format; halves go to even."""
_BF16_HALF_STEP = 2.0**-9
"""Half the distance between neighbours in bf16 (8 bits), relative to the larger numbers of a binade: what is added to a
weight and is smaller leaves it as it was."""
_LEAST_PROGRESS = 0.5
_FEWEST_LOSSES = 4

FP16_OVERFLOW = Rule(
    id="fp16-overflow",
    severity="warning",
    happens="Numbers beyond 65,504 become infinite in fp16: T5 and its relatives reach 66,246.",
    why="fp16 has five bits of exponent. Models that were trained in bf16 or fp32 put out larger numbers in a few "
    "modules, at once or only every now and then.",
    found="Before any trial: weights beyond the range. In trials: the first module to put out inf or NaN, and how many "
    "bits are left above the largest activation.",
    remedy="Use bf16-mixed or 32-true.",
    references=(
        "https://github.com/huggingface/transformers/issues/9295",
        "https://github.com/huggingface/transformers/issues/5651",
        "https://github.com/huggingface/transformers/issues/11461",
    ),
)


@found_statically(FP16_OVERFLOW)
def weights_beyond_fp16(case: StaticCase) -> Iterator[Told]:
    """A weight that is infinite as soon as it is cast."""
    weights, tried = case.traits.weights, case.runnable(*_FP16)
    if weights.largest > _FP16_MAX and tried:
        yield Told(
            sentence=f"`{weights.largest_name}` holds {figure(weights.largest)}, beyond the 65,504 that fp16 can hold.",
            candidates=names(tried),
        )


@found_in_trials(FP16_OVERFLOW)
def overflowed_in_fp16(case: TrialCase) -> Iterator[Told]:
    """The module that overflowed, or the little room that is left."""
    for each in case.with_precision(*_FP16):
        stability = each.last.stability
        if stability and stability.first_nonfinite_module:
            yield Told(
                sentence=f"In {each.name}, `{stability.first_nonfinite_module}` was the first module to put out inf or "
                "NaN.",
                candidates=(each.name,),
            )
        elif (bits := _headroom_bits(each, case.reference)) is not None and bits < _SCARCE_BITS:
            yield Told(sentence=_room(each, bits), candidates=(each.name,))


def _headroom_bits(tried: Tried, reference: Tried | None) -> float | None:
    """Return the room above the largest activation in fp16, by the candidate's own run or else by the reference's."""
    own = tried.last.stability
    if own and own.headroom_bits is not None:
        return own.headroom_bits
    true = reference.last.stability if reference else None
    return None if true is None or true.headroom_bits is None else true.headroom_bits - (_FP32_BITS - _FP16_BITS)


def _room(tried: Tried, bits: float) -> str:
    peak = _FP16_MAX / 2**bits
    if bits < 0:
        return f"{tried.name} cannot hold the largest activation of this model, {figure(peak)}: fp16 ends at 65,504."
    return (
        f"{tried.name} has {figure(bits)} bits of room above its largest activation, {figure(peak)} of 65,504: "
        "twice as much overflows."
    )


BF16_WEIGHTS_IN_FP16 = Rule(
    id="bf16-weights-in-fp16",
    severity="warning",
    happens="A checkpoint that was trained in bf16 becomes NaN when it is tuned in fp16.",
    why="In bf16, nothing kept the model from using numbers that fp16 cannot hold.",
    found="From the dtype in which the weights were given; float32 weights that are all numbers of bf16 count, too.",
    remedy="Use bf16-mixed or 32-true.",
    references=(
        "https://github.com/huggingface/transformers/issues/12225",
        "https://github.com/declare-lab/flan-alpaca/issues/19",
    ),
)


@found_statically(BF16_WEIGHTS_IN_FP16)
def bf16_weights_in_fp16(case: StaticCase) -> Iterator[Told]:
    """Weights of bf16, and fp16 to be tried."""
    weights, tried = case.traits.weights, case.runnable(*_FP16)
    is_bf16 = weights.given_dtype == "bfloat16"
    if tried and (is_bf16 or weights.fit_bfloat16):
        how = (
            "were given in bfloat16" if is_bf16 else f"are {weights.given_dtype}, but every one is a number of bfloat16"
        )
        yield Told(
            sentence=f"The weights {how}: a model trained in bf16 often overflows in fp16.",
            candidates=names(tried),
        )


ADAM_EPS_UNDERFLOWS = Rule(
    id="adam-eps-underflows",
    severity="error",
    happens="Parameters are NaN after the first step, silently: Adam divides 0 by 0.",
    why="With parameters in fp16, Adam's eps of 1e-8 rounds to 0, because the smallest number of fp16 is 6e-8. Where a "
    "gradient is 0, so is the denominator. Fused optimizers compute in fp32 inside and are spared.",
    found="From the optimizer's eps and the format that a candidate keeps parameters in; in trials, from parameters "
    "that went bad.",
    remedy="Use 16-mixed, whose parameters are float32, or raise eps to 1e-4.",
    references=("https://github.com/Lightning-AI/pytorch-lightning/issues/20619",),
)


@found_statically(ADAM_EPS_UNDERFLOWS)
def adam_eps_underflows(case: StaticCase) -> Iterator[Told]:
    """An eps that is 0 in the format of the parameters."""
    optimizer = case.traits.optimizer
    if optimizer is None or optimizer.fused or case.strategy == "deepspeed":  # DeepSpeed updates float32 copies
        return
    for precision, bound in _ROUNDS_TO_ZERO.items():
        small = [each.eps for each in optimizer.groups if each.eps is not None and 0 < each.eps <= bound]
        if small and (tried := case.runnable(precision)):
            yield Told(
                sentence=f"{optimizer.name}'s eps of {min(small):g} is 0 in {precision}, where parameters and "
                "optimizer state are half precision: a gradient of 0 makes its parameter NaN.",
                candidates=names(tried),
            )


@found_in_trials(ADAM_EPS_UNDERFLOWS)
def adam_eps_underflowed(case: TrialCase) -> Iterator[Told]:
    """What a trial says of it."""
    for each in case.with_precision(*_ROUNDS_TO_ZERO):
        if each.last.status == "unstable" and "the optimizer's eps of" in each.last.reason:
            yield Told(sentence=f"{each.name}: {each.last.reason}", candidates=(each.name,))


SECOND_MOMENT_STUCK = Rule(
    id="second-moment-stuck",
    severity="warning",
    happens="Adam's mean squared gradient never falls again, so that steps stay small after one large gradient.",
    why="With parameters in bf16, so is the optimizer's state, whose numbers are 0.4 to 0.8 % apart. Multiplied with a "
    "beta of 0.999 each rounds back to itself. Losses of the first steps do not show it: training ends higher.",
    found="From the optimizer's second beta and the format that a candidate keeps its state in.",
    remedy="Use bf16-mixed, whose state is float32, or a second beta of 0.99 or less.",
    references=("https://github.com/pytorch/ao/pull/1124", "https://arxiv.org/abs/2010.06192"),
)


@found_statically(SECOND_MOMENT_STUCK)
def second_moment_stuck(case: StaticCase) -> Iterator[Told]:
    """A decay that is less than half of the least distance between neighbours in bf16."""
    optimizer, tried = case.traits.optimizer, case.runnable("bf16-true")
    if optimizer is None or not tried or case.strategy == "deepspeed":  # DeepSpeed's state is float32
        return
    decays = [each.second_moment_decay for each in optimizer.groups if each.second_moment_decay]
    if decays and 1 - max(decays) < _BF16_HALF_STEP:
        yield Told(
            sentence=f"{optimizer.name}'s second beta of {max(decays):g} cannot let bf16 state fall: "
            f"{percent(1 - max(decays))} less rounds back to the same number.",
            candidates=names(tried),
        )


LOST_UPDATES = Rule(
    id="lost-updates",
    severity="warning",
    happens="Weights in bf16 stay as they are, because updates are smaller than the distance between its numbers.",
    why="bf16 has 8 significant bits: what is added to a weight and is below about 0.2 % of it is rounded away. "
    "Learning slows down or stops though every number looks sound.",
    found="Before any trial: a learning rate of Adam's kind that is below 2^-9 of the typical weight. In trials: "
    "weights with a gradient that steps leave as they were, or a loss that falls less than half as far as that of the "
    "reference while all numbers are finite.",
    remedy="Use bf16-mixed, whose weights are float32, or an optimizer with stochastic rounding.",
    references=(
        "https://github.com/pytorch/torchtune/issues/2254",
        "https://github.com/pytorch/ao/pull/1124",
    ),
)


@found_statically(LOST_UPDATES)
def updates_will_be_lost(case: StaticCase) -> Iterator[Told]:
    """A learning rate that is small beside the weights; only of optimizers whose steps are about as large as it."""
    typical = case.traits.weights.typical
    rates = [each.learning_rate for each in case.traits.groups if each.adaptive and each.learning_rate]
    tried = [] if case.strategy == "deepspeed" else case.runnable("bf16-true")
    if typical and rates and tried and max(rates) < _BF16_HALF_STEP * typical:
        yield Told(
            sentence=f"A step of about {max(rates):g} (the learning rate) is {percent(max(rates) / typical)} of a "
            f"typical weight ({figure(typical)}), and bf16 rounds away what is below 0.2 % of one.",
            candidates=names(tried),
        )


@found_in_trials(LOST_UPDATES)
def updates_were_lost(case: TrialCase) -> Iterator[Told]:
    """Weights that steps left as they were; or sound numbers, and no progress."""
    reference = case.reference
    for each in case.with_precision("bf16-true", "16-true"):
        stability = each.last.stability
        lost = [check for check in stability.checks if check.id == "lost-updates"] if stability else []
        if lost and lost[0].verdict != "good":
            yield Told(sentence=f"{each.name}: {lost[0].sentence}", candidates=(each.name,))
            continue
        if each.last.status != "unstable" or reference is None or not _is_sound(each):
            continue
        share = _progress(each.losses, reference.losses)
        if share is not None and share < _LEAST_PROGRESS:
            yield Told(
                sentence=f"The loss of {each.name} made {percent(share)} of the progress of 32-true though its numbers "
                "are finite, as when updates round to nothing.",
                candidates=(each.name,),
            )


def _is_sound(tried: Tried) -> bool:
    stability = tried.last.stability
    spoilt = stability and (stability.first_nonfinite_module or stability.first_nonfinite_step is not None)
    return not spoilt and all(map(math.isfinite, tried.losses))


def _progress(losses: Sequence[float], reference: Sequence[float]) -> float | None:
    """Return how far the loss fell as a share of the reference's fall, None where the reference's did not fall."""
    steps = min(len(losses), len(reference))
    if steps < _FEWEST_LOSSES:
        return None
    fell, true = _fall(losses[:steps]), _fall(reference[:steps])
    return fell / true if true > 0 else None


def _fall(losses: Sequence[float]) -> float:
    tail = losses[len(losses) // 2 :]
    return sum(losses[:2]) / 2 - sum(tail) / len(tail)
