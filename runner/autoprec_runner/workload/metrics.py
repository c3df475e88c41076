"""The user's own metric of a model: an accuracy or an error, in a number."""

from collections.abc import Callable
from typing import Any

from torch import nn

from autoprec_runner.errors import WorkloadError

Metric = Callable[[nn.Module, Any], float]


def given_metric(metric: Callable[[Any, Any], Any]) -> Metric:
    """Return the user's metric, checked to return a number.

    Raises:
        WorkloadError: When it is taken, and what it returns is not one number.
    """

    def checked(model: nn.Module, batches: Any) -> float:
        value = metric(model, batches)
        try:
            return float(value)
        except (TypeError, ValueError, RuntimeError) as error:
            raise WorkloadError(
                f"The metric returned an object of type {type(value).__name__} that is not one number. "
                "Return a float, for instance with `.mean().item()`.",
            ) from error

    return checked
