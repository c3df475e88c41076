import pytest

from autoprec_runner.errors import PrecisionError, WorkloadError
from autoprec_runner.isolation.child import ChildEndedError, ChildError, ChildMemoryError, ChildTimeoutError
from autoprec_runner.trials.described import described
from autoprec_runner.trials.failure import failure_from_answer, failure_from_child


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (ChildTimeoutError("late"), "timeout"),
        (ChildMemoryError("large"), "oom"),
        (ChildEndedError("killed", exit_code=-9), "oom"),
        (ChildEndedError("segfault", exit_code=-11), "crashed"),
        (ChildEndedError("exit", exit_code=3), "crashed"),
        (ChildEndedError("exit", exit_code=0), "crashed"),
        (ChildEndedError("closed", exit_code=None), "crashed"),
    ],
)
def test_every_end_of_a_child_is_a_status(error: ChildError, status: str) -> None:
    assert status == failure_from_child(error, "").status


def test_the_last_line_of_a_crashed_child_is_told_and_no_more() -> None:
    failure = failure_from_child(ChildEndedError("It ended.", exit_code=3), f"first\n{'x' * 5000}\n")
    assert "It ended. Last line printed: 'xxx" in str(failure)
    assert len(str(failure)) < 1000


@pytest.mark.parametrize(
    ("error", "status", "kind"),
    [
        (MemoryError(), "oom", "memory"),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried"), "oom", "memory"),
        (OSError(12, "Cannot allocate memory"), "oom", "memory"),
        (RuntimeError("std::bad_alloc"), "oom", "memory"),
        (WorkloadError("no step"), "error", "workload"),
        (PrecisionError("no such precision"), "unsupported", "precision"),
        (NotImplementedError("\"addmm_impl_cpu_\" not implemented for 'Half'"), "unsupported", "precision"),
        (RuntimeError("could not create a primitive descriptor for the LSTM"), "unsupported", "precision"),
        (ValueError("not implemented for 'Long'"), "error", "raised"),
        (SystemExit(3), "error", "raised"),
        (KeyboardInterrupt(), "error", "raised"),
    ],
)
def test_every_exception_of_a_workload_is_a_status(error: BaseException, status: str, kind: str) -> None:
    told = described(error)
    assert (status, kind) == (told["status"], told["kind"])
    assert status == failure_from_answer(told).status


def test_a_workload_that_cannot_be_made_for_want_of_memory_is_not_at_fault() -> None:
    error = WorkloadError("the factory failed")
    error.__cause__ = RuntimeError("can't allocate memory: 1 TiB")
    told = described(error)
    assert "oom" == told["status"]
    assert "1 TiB" in str(failure_from_answer(told))


def test_a_message_of_any_length_is_shortened() -> None:
    assert len(str(failure_from_answer(described(ValueError("x" * 10_000_000))))) < 2000
