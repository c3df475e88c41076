"""What is told of the largest batches that candidates take."""

from autoprec_service.formatting import duration, size
from autoprec_service.policy.evidence import Evidence


def largest_batch_note(evidence: Evidence) -> str | None:
    """Say how many samples a candidate takes in a batch and how fast it then is; None if nobody asked."""
    largest = evidence.trial.largest_batch
    if largest is None:
        return None
    more = {"memory": "", "time": "; more were not tried", "workload": "; more do not make a step"}[largest.limited_by]
    return (
        f"its largest batch has {largest.batch_size:,} samples at {size(largest.peak_memory_bytes)} and "
        f"{duration(largest.step_seconds)} a step: {largest.samples_per_second:,.0f} samples/s{more}"
    )
