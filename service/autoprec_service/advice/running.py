"""What to run where nothing can be recommended, or where nothing was measured yet, as a command."""

import shlex

from autoprec_runner.trial import Mode, Objective
from autoprec_service.advice.question import Question
from autoprec_service.advice.target import Target

_DEFAULT: tuple[Mode, Objective] = ("train", "throughput")


def command(question: Question, target: Target, mode: Mode) -> str:
    """Return the command that measures it; it is to be run on that hardware, with the factory of the model."""
    words = ["autoprec", "suggest", "WORKLOAD"]
    options = {
        "--mode": None if mode == _DEFAULT[0] else mode,
        "--objective": None if question.objective == _DEFAULT[1] else question.objective,
        "--max-memory": question.max_memory_bytes,
        "--tolerance": question.tolerance,
        "--device": None if target.machine.profile is None else target.device,
    }
    for name, value in options.items():
        words += [] if value is None else [name, str(value)]
    return " ".join(map(shlex.quote, words))


def sentence(target: Target) -> str:
    """Return how the command is used."""
    return (
        f"Measure it on {target.key} with the command in `run`, where WORKLOAD is the factory of the model, such as "
        "train.py:workload; with AUTOPREC_URL set, what it measures is known here afterwards."
    )
