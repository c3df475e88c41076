"""What is told of the largest batches."""

import pytest

from autoprec_runner.study import Constraints
from autoprec_runner.trial import BatchLimit, LargestBatch
from autoprec_service.policy import recommend
from autoprec_service.testing import make_trial


def largest(limit: BatchLimit = "memory") -> LargestBatch:
    return LargestBatch(
        batch_size=4096, samples_per_second=20480.0, step_seconds=0.2, peak_memory_bytes=2**31, limited_by=limit
    )


@pytest.mark.parametrize(
    ("limit", "end"),
    [("memory", "."), ("time", "; more were not tried."), ("workload", "; more do not make a step.")],
)
def test_each_candidate_tells_its_own(limit: BatchLimit, end: str) -> None:
    told = "ts largest batch has 4,096 samples at 2.00 GiB and 200 ms a step: 20,480 samples/s" + end
    trials = [
        make_trial(largest_batch=largest(limit)),
        make_trial("bf16-mixed", seconds=0.5, largest_batch=largest(limit)),
    ]
    answer = recommend(trials, objective="throughput", constraints=Constraints())
    assert f"I{told}" in answer.reasons
    assert answer.alternatives[0].note.endswith(f"; i{told}")
