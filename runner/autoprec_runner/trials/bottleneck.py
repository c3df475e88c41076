"""What keeps a faster precision from helping (free of torch).

*Input-bound*: fetching a batch and moving it to the device takes at least as long as the step computes. Loaders with
worker processes work while the step runs, and even then the step waits for them; without, the time of both adds up.

*Launch-bound*: the host spends at least half of the computing time on starting operations, by their number and by what
starting one costs that has next to nothing to compute. On an accelerator it then waits for the host; on a CPU the
operations are too small for their arithmetic to matter. The number is counted, the cost is measured on products of two
numbers; that every operation costs the same is an estimate, from which the other half is left as a margin.
"""

from autoprec_runner.trial import Bottleneck, StepParts

LAUNCH_SHARE = 0.5


def bottleneck(parts: StepParts) -> Bottleneck | None:
    """Return what a step is bound by, None if by its arithmetic or memory traffic."""
    if parts.data_seconds >= parts.compute_seconds:
        return "input-bound"
    if parts.operations is None or parts.start_seconds is None:
        return None
    starting = parts.operations * parts.start_seconds
    return "launch-bound" if starting >= LAUNCH_SHARE * parts.compute_seconds else None
