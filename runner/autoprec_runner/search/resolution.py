"""Whether fp32 can resolve the loss at all: fp64, on equal weights and the same batch, tells.

A reference that computes something else than the model means is no measure of others: differences of nearly equal
numbers, as in derivatives taken by differences, may leave fp32 with nothing but rounding, and training with a loss that
is finite, falls, and means nothing.
"""

from collections.abc import Iterable

from autoprec_runner.quantities import figure
from autoprec_runner.search.contender import Contender
from autoprec_runner.trial import Stability

MOST_APART = 0.05
"""Share by which the first losses may differ. Those of sound models agree to a few parts in a million."""
DOUBLE = "64-true"


def beyond_fp32(reference: Contender, others: Iterable[Contender]) -> tuple[Contender, Stability] | None:
    """Return the fp64 contender and the verdict on fp32, where their first losses differ; None where fp32 is right.

    Steps that draw random numbers draw others in fp64, so that nothing can be told from them.
    """
    double = next((each for each in others if each.candidate.precision == DOUBLE), None)
    if double is None or reference.session.evidence.is_random:
        return None
    single_losses, double_losses = reference.session.evidence.losses, double.session.evidence.losses
    if not single_losses or not double_losses:
        return None
    ours, true = single_losses[0], double_losses[0]
    apart = abs(ours - true)
    if not apart > MOST_APART * max(abs(ours), abs(true)):
        return None
    sentence = (
        f"Its first loss is {figure(ours)}, that of {DOUBLE} on equal weights {figure(true)}: float32 cannot resolve "
        "what this model computes."
    )
    return double, Stability(verdict="unstable", sentence=sentence, steps=1, deviation=apart / max(abs(true), 1e-300))
