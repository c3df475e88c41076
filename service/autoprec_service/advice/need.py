"""How much memory a candidate needs for the model that is asked about."""

from collections.abc import Sequence
from dataclasses import dataclass

from autoprec_runner.description import ModelDescription
from autoprec_runner.prediction.prediction import Estimate
from autoprec_runner.trial import Mode

_BYTES = {"64-true": 8.0, "bf16-true": 2.0, "16-true": 2.0}
"""What a number of weights, gradients and optimizer state takes; 4 bytes in every other precision that is not known."""
_QUANTIZED_BYTES = 0.5
_MEASURED_SPREAD = 1.25
"""By how much the peak of one model differs from one machine to another."""


@dataclass(frozen=True, kw_only=True)
class Need:
    """What a step takes at its peak, in bytes."""

    least: float
    """No step of this model takes less."""
    likely: float | None = None
    most: float | None = None
    """The upper end of what is expected; None where only the least is known."""


def need_of(
    precision: str,
    description: ModelDescription | None,
    mode: Mode,
    *,
    predicted: Estimate | None = None,
    measured_bytes: Sequence[int] = (),
) -> Need:
    """Return the need of a precision, from measured peaks of this very model, else from what is predicted.

    Args:
        precision: A precision string.
        description: The model; None where nothing is known of it.
        mode: Training also holds gradients and optimizer state.
        predicted: The peak that is predicted, if one is.
        measured_bytes: Peaks of this model on other hardware.
    """
    least = 0.0 if description is None else _standing(precision, description, mode)
    if measured_bytes:
        likely = float(max(measured_bytes))
        return Need(least=min(least, likely), likely=likely, most=likely * _MEASURED_SPREAD)
    if predicted is not None:
        return Need(least=min(least, predicted.value), likely=predicted.value, most=predicted.high)
    return Need(least=least)


def _standing(precision: str, description: ModelDescription, mode: Mode) -> float:
    """Return what weights take, and in training gradients and the optimizer's state, as far as it is known."""
    width = _QUANTIZED_BYTES if precision.startswith("bnb-") else _BYTES.get(precision, 4.0)
    if mode == "inference" or precision.startswith("bnb-"):
        return width * description.parameters
    traits = description.traits
    trained = traits.trained_parameters if traits else 0
    state = (traits.optimizer.state_tensors or 0) if traits and traits.optimizer else 0
    return width * (description.parameters + (1 + state) * trained)
