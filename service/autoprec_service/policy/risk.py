"""How much can go wrong with a candidate's numbers, before anything is measured."""

from autoprec_probe.candidate import Candidate

Risk = tuple[int, int]

_PRECISIONS = (
    "64-true",
    "32-true",
    "bf16-mixed",
    "16-mixed",
    "bf16-true",
    "16-true",
    "transformer-engine",
    "transformer-engine-float16",
    "bnb-int8-training",
    "bnb-int8",
    "bnb-nf4",
    "bnb-nf4-dq",
    "bnb-fp4",
    "bnb-fp4-dq",
)
_MATMUL = ("highest", "high", "medium")

REFERENCE_RISK: Risk = (_PRECISIONS.index("32-true"), 0)
"""The risk of the reference, `32-true` with matmul precision "highest"."""


def numeric_risk(candidate: Candidate) -> Risk:
    """Return the rank of a candidate's numeric risk, to be compared; the smallest is the safest.

    Precisions come first and matmul precision second, so that `32-true` with TF32 products is riskier than `32-true`
    and safer than `bf16-mixed`: it loses bits in the products and keeps them everywhere else. A mixed precision keeps
    its weights in fp32 and is safer than the true one; bf16 is safer than fp16, because it cannot overflow where fp32
    does not. A compiled candidate rounds in other places than the same one as it is, and comes right after it.
    Precisions of third parties come last, because nothing is known of them.
    """
    known = candidate.precision in _PRECISIONS
    rank = _PRECISIONS.index(candidate.precision) if known else len(_PRECISIONS)
    return rank, 2 * _MATMUL.index(candidate.matmul_precision) + candidate.compile


def is_reference(candidate: Candidate) -> bool:
    """Return whether others are judged by this candidate, which is `32-true` with matmul precision "highest"."""
    return numeric_risk(candidate) == REFERENCE_RISK and not candidate.emulate
