"""The moments of a step at which something may be looked at."""


class StepListener:
    """Looks at a step while it runs; this one looks at nothing, a subclass says what it wants to see."""

    wants_data = False
    """Whether the batch is to be moved to the device in the step, which has it there already."""

    def begin(self) -> None:
        """Note that a step begins."""

    def after_data(self) -> None:
        """Note that the batch is on the device."""

    def after_forward(self) -> None:
        """Note that the output, or the loss in training, has been asked for."""

    def after_backward(self) -> None:
        """Note that gradients are there."""

    def after_step(self, *, skipped: bool) -> None:
        """Note that the optimizer has stepped, or that the gradient scaler has skipped the step."""

    def end(self) -> None:
        """Note that the step is over and its gradients are forgotten."""
