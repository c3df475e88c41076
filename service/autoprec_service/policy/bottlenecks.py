"""What a step is bound by, where that explains a gain that does not come."""

from collections.abc import Iterator

from autoprec_runner.trial import StepParts
from autoprec_service.formatting import duration, percent
from autoprec_service.policy.evidence import Evidence
from autoprec_service.policy.ratios import is_noise, speedup


def bottleneck_reasons(pick: Evidence, reference: Evidence | None) -> Iterator[str]:
    """Say what holds a step up: waiting for data always, starting operations where nothing was gained."""
    parts = pick.parts
    if parts is None or parts.bottleneck is None:
        return
    gain = speedup(pick, reference)
    if parts.bottleneck == "input-bound":
        yield _input_bound(parts)
    elif pick.is_reference or gain is None or is_noise(gain):
        yield _launch_bound(parts)


def _input_bound(parts: StepParts) -> str:
    return (
        f"It is input-bound: fetching and moving a batch takes {duration(parts.data_seconds)} and computing on it "
        f"{duration(parts.compute_seconds)}, so that training gains less than its steps do. Load batches faster: more "
        "worker processes, less work per sample."
    )


def _launch_bound(parts: StepParts) -> str:
    starting = (parts.operations or 0) * (parts.start_seconds or 0.0)
    share = min(1.0, starting / parts.compute_seconds) if parts.compute_seconds else 1.0
    return (
        f"It is launch-bound: starting {parts.operations:,} operations takes about {percent(share)} of a step, which "
        "no precision shortens. A larger batch, a fused optimizer or torch.compile would."
    )
