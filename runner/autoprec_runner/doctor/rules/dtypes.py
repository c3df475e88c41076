"""What really runs, as opposed to what a precision is called."""

from collections.abc import Iterator

from autoprec_runner.doctor.case import StaticCase, TrialCase, names
from autoprec_runner.doctor.registry import Rule, Told, found_in_trials, found_statically
from autoprec_runner.trial import EffectiveDtypes

_MEANT = {
    "32-true": ("float32", "float32"),
    "64-true": ("float64", "float64"),
    "16-mixed": ("float32", "float16"),
    "bf16-mixed": ("float32", "bfloat16"),
    "16-true": ("float16", "float16"),
    "bf16-true": ("bfloat16", "bfloat16"),
}
"""Dtype of most parameters and of compute, by precision."""

OTHER_DTYPES_THAN_ASKED = Rule(
    id="other-dtypes-than-asked",
    severity="warning",
    happens="A precision runs in other dtypes than its name says.",
    why="Frameworks have replaced 16-mixed by bf16-mixed on CPUs and TPUs, called DeepSpeed's half parameters mixed, "
    "and changed what FSDP's mixed precision keeps parameters in between two versions.",
    found="In trials: the dtypes of parameters, compute, gradients and optimizer state are observed in the first step "
    "and compared with what the precision means. Library versions are recorded with every trial.",
    remedy="Go by the effective dtypes of the trial, not by the name.",
    references=(
        "https://github.com/Lightning-AI/pytorch-lightning/issues/18016",
        "https://github.com/Lightning-AI/pytorch-lightning/pull/21361",
        "https://github.com/Lightning-AI/pytorch-lightning/issues/21586",
        "https://github.com/Lightning-AI/pytorch-lightning/issues/17506",
    ),
)


@found_in_trials(OTHER_DTYPES_THAN_ASKED)
def other_dtypes_than_asked(case: TrialCase) -> Iterator[Told]:
    """Parameters or compute in another dtype than the precision means."""
    for each in case.with_precision(*_MEANT):
        effective, meant = each.last.effective_dtypes, _MEANT[each.candidate.precision]
        if effective and (differences := _differences(effective, meant)):
            yield Told(
                sentence=f"{each.name} means {meant[0]} parameters and {meant[1]} compute; what ran had "
                f"{' and '.join(differences)}.",
                candidates=(each.name,),
            )


def _differences(effective: EffectiveDtypes, meant: tuple[str, str]) -> list[str]:
    """Return what differs; where several dtypes occur, the most frequent one counts."""
    observed = (("parameters", effective.parameters, meant[0]), ("compute", effective.compute, meant[1]))
    return [f"{found} {what}" for what, found, wanted in observed if found.split(", ")[0] not in {wanted, "none"}]


MIXED_UNDER_DEEPSPEED = Rule(
    id="mixed-under-deepspeed",
    severity="note",
    happens="What others call mixed precision under DeepSpeed is not autocast, and trains differently.",
    why="Fabric's and others' 16-mixed and bf16-mixed are DeepSpeed's fp16 and bf16 modes: half parameters and "
    "gradients with float32 master weights. Here those are 16-true and bf16-true, and a mixed precision is autocast, "
    "as under every other strategy. One user's F1 was 74.7 in one and 85.5 in fp32.",
    found="From the strategy. Trials show the effective dtypes, master weights included, and compare the loss with "
    "fp32.",
    remedy="Compare the effective dtypes of the trials with those of your own run.",
    references=("https://github.com/Lightning-AI/pytorch-lightning/issues/18016",),
)


@found_statically(MIXED_UNDER_DEEPSPEED)
def mixed_under_deepspeed(case: StaticCase) -> Iterator[Told]:
    """A mixed precision to be tried under DeepSpeed."""
    tried = case.runnable("16-mixed", "bf16-mixed")
    if case.strategy == "deepspeed" and tried:
        yield Told(
            sentence="A mixed precision is autocast over float32 parameters here; what Fabric calls so under DeepSpeed "
            "has half parameters, which is 16-true or bf16-true here.",
            candidates=names(tried),
        )
