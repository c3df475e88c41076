"""What optimizers and gradient scalers do to each other."""

from collections.abc import Iterator

from autoprec_runner.doctor.case import StaticCase, TrialCase, names
from autoprec_runner.doctor.registry import Rule, Told, found_in_trials, found_statically
from autoprec_runner.quantities import percent

FUSED_OPTIMIZER_CLIPPING = Rule(
    id="fused-optimizer-clipping",
    severity="note",
    happens="Lightning refuses to clip gradients of a fused optimizer under mixed precision.",
    why="A fused optimizer divides by the gradient scaler's scale inside its step, so that Lightning never sees "
    "unscaled gradients: Trainer refuses under 16-mixed and bf16-mixed alike, Fabric under 16-mixed. autoprec.Engine "
    "unscales, clips, and tells the optimizer so.",
    found="From the optimizer (`_step_supports_amp_scaling`, which torch sets with fused=True).",
    remedy="Clip through autoprec.Engine, leave fused=True out, or do not clip.",
    references=(
        "https://github.com/Lightning-AI/pytorch-lightning/issues/21435",
        "https://github.com/Lightning-AI/litgpt/issues/2042",
    ),
)


@found_statically(FUSED_OPTIMIZER_CLIPPING)
def fused_optimizer_clipping(case: StaticCase) -> Iterator[Told]:
    """An optimizer that handles the scale by itself, and mixed precision to be tried."""
    optimizer, tried = case.traits.optimizer, case.runnable("16-mixed", "bf16-mixed")
    if optimizer and optimizer.handles_unscaling and tried:
        yield Told(
            sentence=f"{optimizer.name} is fused: Lightning's Trainer refuses to clip its gradients under mixed "
            "precision, and Fabric under 16-mixed.",
            candidates=names(tried),
        )


CLOSURE_WITH_SCALER = Rule(
    id="closure-with-scaler",
    severity="error",
    happens="LBFGS and a gradient scaler do not go together.",
    why="An optimizer that evaluates the loss inside its step leaves no place to unscale gradients, or to skip a step "
    "whose gradients are not finite. Fabric refuses it; a step that ignores the scaler is wrong by a factor of 65,536.",
    found="From the signature of the optimizer's step, which demands a closure.",
    remedy="Use bf16-mixed or 32-true, or an optimizer without a closure.",
    references=(
        "https://github.com/Lightning-AI/pytorch-lightning/blob/master/src/lightning/fabric/plugins/precision/amp.py",
    ),
)


@found_statically(CLOSURE_WITH_SCALER)
def closure_with_scaler(case: StaticCase) -> Iterator[Told]:
    """An optimizer that needs a closure, and fp16 autocast to be tried."""
    optimizer, tried = case.traits.optimizer, case.runnable("16-mixed")
    if optimizer and optimizer.needs_closure and tried:
        yield Told(
            sentence=f"{optimizer.name} evaluates the loss inside its step, where the gradient scaler of 16-mixed "
            "cannot work.",
            candidates=names(tried),
        )


OPTIMIZER_NEEDS_CLOSURE = Rule(
    id="optimizer-needs-closure",
    severity="error",
    happens="A study cannot try an optimizer whose step demands a closure.",
    why="A trial computes the loss, its gradients, then a step: an optimizer that evaluates the loss several times a "
    "step has no step that could be timed beside the others.",
    found="From the signature of the optimizer's step.",
    remedy="Let the study use a stand-in, such as optimizer=lambda parameters: torch.optim.SGD(parameters, lr=0.1), "
    "and train with yours.",
    references=("https://docs.pytorch.org/docs/stable/optim.html#optimizer-step-closure",),
)


@found_statically(OPTIMIZER_NEEDS_CLOSURE)
def optimizer_needs_closure(case: StaticCase) -> Iterator[Told]:
    """An optimizer that needs a closure."""
    optimizer = case.traits.optimizer
    if optimizer and optimizer.needs_closure:
        yield Told(sentence=f"{optimizer.name}.step() demands a closure, and trials step without one.")


SKIPPED_STEPS = Rule(
    id="skipped-steps",
    severity="warning",
    happens="The gradient scaler skips steps, and the learning-rate scheduler advances all the same.",
    why="A step whose scaled gradients are not finite is left out, and the scale is halved. Some are normal while the "
    "scale finds its place; a scheduler that is stepped by count does not know, and warm-up is over before the first "
    "update.",
    found="In trials under 16-mixed: steps that the scaler skipped.",
    remedy="Use bf16-mixed, which needs no scaler; or step the scheduler only after a step that was taken.",
    references=(
        "https://github.com/Lightning-AI/pytorch-lightning/issues/5558",
        "https://github.com/Lightning-AI/pytorch-lightning/issues/18828",
    ),
)


@found_in_trials(SKIPPED_STEPS)
def skipped_steps(case: TrialCase) -> Iterator[Told]:
    """The share of steps that were skipped."""
    for each in case.tried:
        stability = each.last.stability
        if stability and stability.skipped_steps and stability.steps:
            share = min(1.0, stability.skipped_steps / stability.steps)
            yield Told(
                sentence=f"The gradient scaler of {each.name} skipped {stability.skipped_steps} of "
                f"{max(stability.steps, stability.skipped_steps)} optimizer steps ({percent(share)}); a learning-rate "
                "scheduler advances all the same.",
                candidates=(each.name,),
            )
