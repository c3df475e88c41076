"""What is found before any trial: real models described by real children, on machines that were recorded."""

from collections.abc import Callable
from dataclasses import dataclass

import pytest
from machines import (
    A100,
    B200,
    CPU_WITH_BF16,
    FAST_OLD_CPU,
    H100,
    L4,
    L4_WITH_AN_OLD_CUBLAS,
    L4_WITH_CUDA_11,
    MAC_M1,
    MAC_M3,
    MEASURED_CPU,
    MI300X,
    OLD_CPU,
    T4,
    TPU,
    V100,
)

from autoprec_probe import HardwareProfile, Strategy
from autoprec_runner.doctor.finding import Finding
from autoprec_runner.doctor.registry import static_checks

Examine = Callable[..., tuple[Finding, ...]]


@dataclass(frozen=True, kw_only=True)
class Sick:
    """A workload on a machine about which a rule has something to say."""

    rule: str
    factory: str
    machine: HardwareProfile
    precisions: tuple[str, ...] = ()
    strategy: Strategy = "single"
    words: str
    """What the sentence says, among other things."""
    remedy: str
    about: tuple[str, ...] = ()
    """The candidates that the finding names."""


SICK = (
    Sick(
        rule="bf16-emulated",
        factory="adam",
        machine=T4,
        words="Tesla T4 (compute capability 7.5) has no bf16 arithmetic",
        remedy="Use 16-mixed.",
        about=("bf16-mixed", "bf16-true"),
    ),
    Sick(
        rule="bf16-emulated",
        factory="adam",
        machine=V100,
        words="PyTorch calls it supported and emulates it in fp32, slower than fp32 itself",
        remedy="Use 16-mixed.",
        about=("bf16-mixed", "bf16-true"),
    ),
    Sick(
        rule="bf16-emulated",
        factory="adam",
        machine=MAC_M1,
        words="Apple M1 emulates bf16 in fp32, as every M1 and M2",
        remedy="Use 16-mixed.",
        about=("bf16-mixed", "bf16-true"),
    ),
    Sick(
        rule="half-slow-on-cpu",
        factory="adam",
        machine=OLD_CPU,
        precisions=("bf16-mixed",),
        words="bf16 was measured 44 to 499 times slower than fp32",
        remedy="Use 32-true",
        about=("bf16-mixed",),
    ),
    Sick(
        rule="half-slow-on-cpu",
        factory="adam",
        machine=CPU_WITH_BF16,
        words="EPYC 9354 shows no fp16 arithmetic",
        remedy="Use bf16-mixed.",
        about=("16-mixed", "16-true"),
    ),
    Sick(
        rule="half-slow-on-cpu",
        factory="adam",
        machine=MEASURED_CPU,
        precisions=("bf16-mixed",),
        words="A bf16 matrix product was measured 4.00 times slower than an fp32 one on EPYC 9354.",
        remedy="Use 32-true.",
        about=("bf16-mixed",),
    ),
    Sick(
        rule="fp16-on-tpu",
        factory="adam",
        machine=TPU,
        precisions=("16-mixed",),
        words="TPU v5e has no fp16: 16-mixed autocasts to bf16",
        remedy="Use bf16-mixed.",
        about=("16-mixed",),
    ),
    Sick(
        rule="no-float64",
        factory="adam",
        machine=MAC_M1,
        precisions=("64-true",),
        words="Apple M1 has no float64: PyTorch raises an error for every such tensor.",
        remedy="Use 32-true, or the CPU for 64-true.",
        about=("64-true",),
    ),
    Sick(
        rule="no-float64",
        factory="doubles",
        machine=MAC_M3,
        precisions=("32-true",),
        words="The batch holds float64 tensors, and Apple M3 has no float64.",
        remedy="Convert them to float32 where the data are loaded.",
    ),
    Sick(
        rule="tf32-left-off",
        factory="adam",
        machine=A100,
        words="may also multiply fp32 matrices in TF32, with matmul precision 'high'",
        remedy="See what a study says",
        about=("32-true",),
    ),
    Sick(
        rule="tf32-left-off",
        factory="adam",
        machine=CPU_WITH_BF16,
        words="EPYC 9354 may also multiply fp32 matrices in bf16, with matmul precision 'medium'",
        remedy="See what a study says",
        about=("32-true",),
    ),
    Sick(
        rule="fp16-overflow",
        factory="a_huge_weight",
        machine=A100,
        words="`2.bias` holds 70,000, beyond the 65,504 that fp16 can hold.",
        remedy="Use bf16-mixed or 32-true.",
        about=("16-mixed", "16-true"),
    ),
    Sick(
        rule="bf16-weights-in-fp16",
        factory="given_in_bf16",
        machine=A100,
        words="The weights were given in bfloat16",
        remedy="Use bf16-mixed or 32-true.",
        about=("16-mixed", "16-true"),
    ),
    Sick(
        rule="bf16-weights-in-fp16",
        factory="rounded_to_bf16",
        machine=A100,
        precisions=("16-mixed",),
        words="The weights are float32, but every one is a number of bfloat16",
        remedy="Use bf16-mixed or 32-true.",
        about=("16-mixed",),
    ),
    Sick(
        rule="adam-eps-underflows",
        factory="adam",
        machine=A100,
        words="Adam's eps of 1e-08 is 0 in 16-true",
        remedy="Use 16-mixed",
        about=("16-true",),
    ),
    Sick(
        rule="adam-eps-underflows",
        factory="adam_with_a_denormal_eps",
        machine=A100,
        precisions=("bf16-true",),
        words="Adam's eps of 1e-41 is 0 in bf16-true",
        remedy="Use 16-mixed",
        about=("bf16-true",),
    ),
    Sick(
        rule="adam-eps-underflows",
        factory="adam",
        machine=A100,
        precisions=("16-true",),
        strategy="fsdp",
        words="Adam's eps of 1e-08 is 0 in 16-true",
        remedy="Use 16-mixed",
        about=("16-true (fsdp)",),
    ),
    Sick(
        rule="second-moment-stuck",
        factory="adam",
        machine=A100,
        words="Adam's second beta of 0.999 cannot let bf16 state fall",
        remedy="Use bf16-mixed",
        about=("bf16-true",),
    ),
    Sick(
        rule="lost-updates",
        factory="tiny_learning_rate",
        machine=A100,
        words="A step of about 1e-06 (the learning rate) is 0.00",
        remedy="Use bf16-mixed",
        about=("bf16-true",),
    ),
    Sick(
        rule="fused-optimizer-clipping",
        factory="fused_adam",
        machine=A100,
        words="AdamW is fused: Lightning's Trainer refuses to clip its gradients",
        remedy="Clip through autoprec.Engine",
        about=("bf16-mixed", "16-mixed"),
    ),
    Sick(
        rule="closure-with-scaler",
        factory="lbfgs",
        machine=A100,
        words="LBFGS evaluates the loss inside its step, where the gradient scaler of 16-mixed cannot work.",
        remedy="Use bf16-mixed or 32-true",
        about=("16-mixed",),
    ),
    Sick(
        rule="optimizer-needs-closure",
        factory="lbfgs",
        machine=A100,
        words="LBFGS.step() demands a closure, and trials step without one.",
        remedy="Let the study use a stand-in",
    ),
    Sick(
        rule="mixed-under-deepspeed",
        factory="adam",
        machine=A100,
        strategy="deepspeed",
        words="A mixed precision is autocast over float32 parameters here",
        remedy="Compare the effective dtypes",
        about=("bf16-mixed (deepspeed)", "16-mixed (deepspeed)"),
    ),
    Sick(
        rule="bnb-for-memory",
        factory="served",
        machine=A100,
        precisions=("bnb-int8",),
        words="saves memory, seldom time",
        remedy="Ask with objective='memory'",
        about=("bnb-int8",),
    ),
    Sick(
        rule="fp8-misfit-layers",
        factory="misfits",
        machine=H100,
        precisions=("transformer-engine",),
        words="A step has 30 rows, and Transformer Engine takes multiples of 16.",
        remedy="Use batches of 32 rows.",
        about=("transformer-engine",),
    ),
    Sick(
        rule="fp8-misfit-layers",
        factory="attention",
        machine=H100,
        precisions=("transformer-engine",),
        words="`self_attn.out_proj`: a NonDynamicallyQuantizableLinear may do more than a Linear",
        remedy="Pad the dimensions.",
        about=("transformer-engine",),
    ),
    Sick(
        rule="fp8-misfit-layers",
        factory="convolutions",
        machine=H100,
        precisions=("transformer-engine",),
        words="0 % of the floating-point operations in linear layers can run in FP8, as there are none.",
        remedy="Pad the dimensions.",
        about=("transformer-engine",),
    ),
    Sick(
        rule="fp8-misfit-layers",
        factory="served",
        machine=B200,
        precisions=("transformer-engine",),
        words="`2`: out_features=16, pad it to 32",
        remedy="Pad the dimensions.",
        about=("transformer-engine",),
    ),
    Sick(
        rule="fp8-old-libraries",
        factory="served",
        machine=L4_WITH_CUDA_11,
        words="on Ada (compute capability 8.9) FP8 needs CUDA 12.1 or newer, and this is CUDA 11.8",
        remedy="Install a build of torch for CUDA 12.1 or newer",
        about=("transformer-engine", "transformer-engine-float16"),
    ),
    Sick(
        rule="fp8-old-libraries",
        factory="served",
        machine=L4_WITH_AN_OLD_CUBLAS,
        words="FP8 needs cuBLASLt 12.1.3 or newer, and this is cuBLASLt 12.1.0.26",
        remedy="with its nvidia-cublas",
        about=("transformer-engine", "transformer-engine-float16"),
    ),
    Sick(
        rule="fp8-small-products",
        factory="served",
        machine=H100,
        precisions=("transformer-engine",),
        words="100 % of the work in linear layers is in small ones, at most 64 inputs and 64 outputs",
        remedy="Use bf16-mixed",
        about=("transformer-engine",),
    ),
    Sick(
        rule="fp8-delayed-scaling-compiled",
        factory="compiled",
        machine=H100,
        precisions=("transformer-engine",),
        words="cannot follow its recipe DelayedScaling: Float8CurrentScaling stands in",
        remedy="Current scaling stands in by itself",
        about=("transformer-engine",),
    ),
    Sick(
        rule="fp8-fnuz",
        factory="adam",
        machine=MI300X,
        words="AMD Instinct MI300X (gfx942) computes the FNUZ types of FP8, which end at 240",
        remedy="Use bf16-mixed",
        about=("transformer-engine", "transformer-engine-float16"),
    ),
)


def titled(sick: Sick) -> str:
    return f"{sick.rule}, {sick.factory}, {sick.machine.key}"


@pytest.mark.parametrize("sick", SICK, ids=titled)
def test_it_is_told_with_the_remedy_and_the_candidates_it_is_about(examine: Examine, sick: Sick) -> None:
    findings = examine(sick.factory, sick.machine, *sick.precisions, strategy=sick.strategy)
    told = [each for each in findings if each.id == sick.rule and sick.words in each.sentence]
    assert [(sick.about, "static")] == [(each.candidates, each.found_by) for each in told]
    assert sick.remedy in told[0].remedy


def test_every_static_rule_is_provoked_here() -> None:
    assert set(static_checks()) == {each.rule for each in SICK}


@pytest.mark.parametrize(
    ("rule", "factory", "machine", "precisions"),
    [
        ("bf16-emulated", "adam", A100, ()),
        ("bf16-emulated", "adam", MAC_M3, ()),
        ("bf16-emulated", "adam", T4, ("16-mixed",)),
        ("half-slow-on-cpu", "adam", CPU_WITH_BF16, ("bf16-mixed",)),
        ("half-slow-on-cpu", "adam", FAST_OLD_CPU, ("bf16-mixed",)),
        ("half-slow-on-cpu", "adam", A100, ()),
        ("fp16-on-tpu", "adam", TPU, ("bf16-mixed",)),
        ("no-float64", "doubles", A100, ("64-true",)),
        ("no-float64", "adam", MAC_M1, ("32-true",)),
        ("no-float64", "adam", MAC_M1, ()),
        ("tf32-left-off", "adam", T4, ()),
        ("fp16-overflow", "a_huge_weight", A100, ("bf16-mixed", "bf16-true")),
        ("fp16-overflow", "adam", A100, ()),
        ("bf16-weights-in-fp16", "given_in_bf16", A100, ("bf16-mixed",)),
        ("bf16-weights-in-fp16", "adam", A100, ()),
        ("adam-eps-underflows", "adam", A100, ("16-mixed", "bf16-true")),
        ("adam-eps-underflows", "adam_with_a_large_eps", A100, ()),
        ("adam-eps-underflows", "fused_adam", A100, ()),
        ("adam-eps-underflows", "sgd", A100, ()),
        ("second-moment-stuck", "adam", A100, ("bf16-mixed", "16-true")),
        ("second-moment-stuck", "sgd", A100, ()),
        ("lost-updates", "adam", A100, ()),
        ("lost-updates", "sgd", A100, ()),
        ("lost-updates", "tiny_learning_rate", A100, ("bf16-mixed",)),
        ("fused-optimizer-clipping", "adam", A100, ()),
        ("fused-optimizer-clipping", "fused_adam", A100, ("16-true",)),
        ("closure-with-scaler", "lbfgs", A100, ("bf16-mixed",)),
        ("optimizer-needs-closure", "adam", A100, ()),
        ("mixed-under-deepspeed", "adam", A100, ()),
        ("bnb-for-memory", "served", A100, ("16-true",)),
        ("fp8-misfit-layers", "served", H100, ()),
        ("fp8-misfit-layers", "misfits", A100, ()),
        ("fp8-misfit-layers", "large_layers", H100, ()),
        ("fp8-old-libraries", "served", L4, ()),
        ("fp8-old-libraries", "served", A100, ()),
        ("fp8-small-products", "large_layers", H100, ()),
        ("fp8-delayed-scaling-compiled", "compiled", B200, ()),
        ("fp8-delayed-scaling-compiled", "adam", H100, ()),
        ("fp8-fnuz", "adam", H100, ()),
    ],
)
def test_it_is_not_told_of_what_is_sound(
    examine: Examine, rule: str, factory: str, machine: HardwareProfile, precisions: tuple[str, ...]
) -> None:
    assert rule not in {each.id for each in examine(factory, machine, *precisions)}


def test_master_weights_of_deepspeed_spare_adams_eps(examine: Examine) -> None:
    found = {each.id for each in examine("tiny_learning_rate", A100, "16-true", "bf16-true", strategy="deepspeed")}
    assert {"adam-eps-underflows", "lost-updates"}.isdisjoint(found)


def test_layers_that_fit_and_those_that_do_not_are_told_with_their_padding(examine: Examine) -> None:
    sentence = (
        "90.7 % of the floating-point operations in linear layers can run in FP8; left out are `2`: out_features=10, "
        "pad it to 16; `3` and 1 more of its shape: in_features=10, pad it to 16 and out_features=10, pad it to 16."
    )
    assert sentence in {each.sentence for each in examine("misfits", H100, "transformer-engine")}


def test_an_error_of_a_candidate_that_nobody_named_is_a_warning(examine: Examine) -> None:
    def severity(factory: str, rule: str, *precisions: str) -> str:
        return next(each.severity for each in examine(factory, A100, *precisions) if each.id == rule)

    assert "warning" == severity("adam", "adam-eps-underflows")
    assert "error" == severity("adam", "adam-eps-underflows", "16-true")
    assert "error" == severity("lbfgs", "optimizer-needs-closure")


def test_the_worst_comes_first(examine: Examine) -> None:
    found = [each.severity for each in examine("lbfgs", T4)]
    assert ["error", "warning", "note"] == list(dict.fromkeys(found))
