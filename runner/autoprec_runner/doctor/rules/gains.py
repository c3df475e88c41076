"""Time and memory that a lower precision does not save."""

from collections.abc import Iterator

from autoprec_probe.precision import BITSANDBYTES
from autoprec_runner.doctor.case import StaticCase, TrialCase, Tried, names
from autoprec_runner.doctor.registry import Rule, Told, found_in_trials, found_statically
from autoprec_runner.isolation.neighbours import NOTABLE_CORES
from autoprec_runner.quantities import duration, figure, percent, size

_HALF = ("bf16-mixed", "16-mixed", "bf16-true", "16-true")
_MIXED = ("bf16-mixed", "16-mixed")
_HARDLY_FASTER = 1.02
_HARDLY_SMALLER = 0.95
_FEW_ROWS = 256

HALF_NOT_FASTER = Rule(
    id="half-not-faster",
    severity="note",
    happens="Half precision is no faster, though the hardware has arithmetic for it.",
    why="A step that waits for data, launches many small kernels, or casts as much as it computes gains nothing from "
    "faster products. Users measured half precision 1.9 to 10 times slower.",
    found="In trials: step times beside that of 32-true, and what data and the start of operations take of them.",
    remedy="Use a larger batch, look at how the data are loaded, or stay with 32-true.",
    references=(
        "https://github.com/Lightning-AI/pytorch-lightning/issues/16896",
        "https://github.com/Lightning-AI/pytorch-lightning/issues/11933",
        "https://github.com/NVIDIA/apex/issues/297",
    ),
)


@found_in_trials(HALF_NOT_FASTER)
def half_not_faster(case: TrialCase) -> Iterator[Told]:
    """Candidates that the hardware supports natively and that did not beat the reference."""
    reference = case.reference.step_seconds if case.reference else None
    for each in case.with_precision(*_HALF):
        seconds = each.step_seconds
        if reference and seconds and each.last.support == "native" and seconds * _HARDLY_FASTER > reference:
            yield Told(
                sentence=f"{each.name} took {duration(seconds)} a step against {duration(reference)} for 32-true, "
                f"though the hardware computes in it{_bound(each) or _few_rows(case)}.",
                candidates=(each.name,),
            )


def _bound(tried: Tried) -> str:
    """Return what its steps are bound by, where that was found."""
    parts = tried.last.parts
    if parts is None or parts.bottleneck is None:
        return ""
    if parts.bottleneck == "input-bound":
        return f"; it is input-bound: data take {percent(parts.shares['data'])} of a step"
    return f"; it is launch-bound: a step starts {parts.operations:,} operations"


def _few_rows(case: TrialCase) -> str:
    rows = case.traits.rows if case.traits else None
    return f"; a step has {rows} rows only" if rows is not None and rows < _FEW_ROWS else ""


MIXED_SAVES_ACTIVATIONS_ONLY = Rule(
    id="mixed-saves-activations-only",
    severity="note",
    happens="Mixed precision saves little memory, or takes more.",
    why="Under autocast, weights, gradients and optimizer state stay float32; only activations become smaller, and "
    "half precision copies of the weights are added.",
    found="In trials: peak memory beside that of 32-true, and what weights, gradients and optimizer state take.",
    remedy="For memory, use bf16-true, quantized weights, a smaller batch, or activation checkpointing.",
    references=(
        "https://github.com/huggingface/transformers/issues/9742",
        "https://github.com/Lightning-AI/pytorch-lightning/issues/12591",
    ),
)


@found_in_trials(MIXED_SAVES_ACTIVATIONS_ONLY)
def mixed_saves_activations_only(case: TrialCase) -> Iterator[Told]:
    """Mixed candidates whose peak is hardly below the reference's."""
    reference = case.reference.peak_memory_bytes if case.reference else None
    for each in case.with_precision(*_MIXED):
        peak = each.peak_memory_bytes
        if reference and peak and peak > _HARDLY_SMALLER * reference:
            yield Told(
                sentence=f"The peak memory of {each.name} was {size(peak)} against {size(reference)} for "
                f"32-true{_state_share(case, reference)}.",
                candidates=(each.name,),
            )


def _state_share(case: TrialCase, reference: int) -> str:
    state = case.traits.state_bytes if case.traits else None
    if not state or state > reference:
        return ""
    return (
        f", of which {size(state)} are weights, gradients and optimizer state, which stay float32: at most "
        f"{percent((1 - state / reference) / 2)} could be saved"
    )


BNB_FOR_MEMORY = Rule(
    id="bnb-for-memory",
    severity="note",
    happens="Quantized weights save memory and cost time.",
    why="bitsandbytes unpacks weights for most products, or splits them for outliers: int8 was measured 4.7 times "
    "slower than fp16.",
    found="From the candidates; in trials, from step times beside that of 32-true. A quantized candidate is only ever "
    "recommended with a measurement.",
    remedy="Ask with objective='memory' or max_memory= where memory is what matters.",
    references=(
        "https://github.com/bitsandbytes-foundation/bitsandbytes/issues/347",
        "https://github.com/bitsandbytes-foundation/bitsandbytes/issues/490",
    ),
)


@found_statically(BNB_FOR_MEMORY)
def bnb_for_memory(case: StaticCase) -> Iterator[Told]:
    """Quantized weights to be tried."""
    if tried := case.runnable(*BITSANDBYTES):
        yield Told(
            sentence="bitsandbytes quantizes weights, which saves memory, seldom time.",
            candidates=names(tried),
        )


@found_in_trials(BNB_FOR_MEMORY)
def bnb_was_slower(case: TrialCase) -> Iterator[Told]:
    """Quantized candidates that were slower than the reference, or cut off."""
    reference = case.reference.step_seconds if case.reference else None
    for each in case.with_precision(*BITSANDBYTES):
        if each.last.status == "timeout":
            yield Told(sentence=f"{each.name} was cut off. {_first_line(each)}", candidates=(each.name,))
        elif reference and each.step_seconds and each.step_seconds > reference:
            yield Told(
                sentence=f"{each.name} took {figure(each.step_seconds / reference)} times as long a step as 32-true.",
                candidates=(each.name,),
            )


def _first_line(tried: Tried) -> str:
    return tried.last.reason.splitlines()[0]


TIMINGS_DISTURBED = Rule(
    id="timings-disturbed",
    severity="note",
    happens="Other programs, rising clocks and heat reorder candidates that are close.",
    why="A cold start halved one user's throughput; a busy neighbour makes threads that wait for each other wait "
    "longer. So candidates are warmed up until their step time is stationary and timed in turns, and the confidence "
    "falls.",
    found="In trials: cores that other programs kept busy during the race, else when the study began.",
    remedy="Ask again on an idle machine (fresh=True).",
    references=("https://github.com/pytorch/helion/pull/3572",),
)


@found_in_trials(TIMINGS_DISTURBED)
def timings_disturbed(case: TrialCase) -> Iterator[Told]:
    """Busy cores in the conditions of a trial that was timed."""
    timed = (each for each in reversed(case.trials) if each.step_time)
    conditions = next((each.conditions for each in timed), {})
    raced = "race_other_busy_cores" in conditions
    busy = conditions.get("race_other_busy_cores" if raced else "busy_cores")
    if isinstance(busy, int | float) and busy >= NOTABLE_CORES:
        when = "during the race" if raced else "when the study began"
        yield Told(sentence=f"Other programs kept {figure(busy)} cores busy {when}.")
