"""Whether a busy neighbour changes the answer: the same study many times beside a process that multiplies matrices.

    python benchmarks/noise.py [WORKLOAD] [--studies 10] [--budget 60] [--json]

The first study runs without the neighbour, and its answer is what is expected. The neighbour is a process of its own,
one thread, bound to the last core; the studies may use all cores, as ever. An answer agrees if it is the expected
one, or if the expected candidate's time lies within the interval of the answer's own, in the same study: then both
are equally good as far as the study can tell.
"""

import argparse
import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import psutil

import autoprec
from autoprec_probe import Candidate
from autoprec_runner.isolation.forkserver import shared_forkserver
from autoprec_runner.trial import StepTime

DEFAULT = f"{Path(__file__).parent / 'zoo' / 'mlp_wide.py'}:workload"
NEIGHBOUR = """
import os, torch
if hasattr(os, "sched_setaffinity"):
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
torch.set_num_threads(1)
x = torch.randn(512, 512)
print("busy", flush=True)
while True:
    x @ x
"""


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What one study said."""

    pick: str
    confidence: float
    step: StepTime | None
    """Of the pick."""
    expected_step: StepTime | None
    """Of the expected candidate, in the same study."""
    busy_cores: float
    """While the study was running, before its trials began."""
    seconds: float

    @property
    def within(self) -> bool:
        """Whether the times of the pick and of the expected candidate cannot be told apart."""
        ours, other = self.step, self.expected_step
        return bool(
            ours and other and ours.low_seconds <= other.high_seconds and other.low_seconds <= ours.high_seconds
        )


def ask(workload: str, budget: float, expected: Candidate | None) -> tuple[Answer, Candidate | None]:
    """Conduct one study with a fork server and a store of its own, as a new process would."""
    shared_forkserver().close()  # whether others are busy is looked at when it starts
    busy = psutil.cpu_percent(interval=0.2) / 100 * (psutil.cpu_count() or 1)
    with TemporaryDirectory(prefix="autoprec-noise-") as folder:
        started = time.monotonic()
        found = autoprec.suggest(workload, budget=budget, store=Path(folder) / "store.db", progress=False)
        seconds = time.monotonic() - started
    times = {trial.candidate: trial.step_time for trial in found.trials if trial.step_time}  # the last phase counts
    candidate = found.candidate
    other = expected or candidate
    return (
        Answer(
            pick=str(candidate or "none"),
            confidence=found.confidence,
            step=times.get(candidate) if candidate else None,
            expected_step=times.get(other) if other else None,
            busy_cores=busy,
            seconds=seconds,
        ),
        candidate,
    )


@contextlib.contextmanager
def neighbour() -> Iterator[None]:
    """Keep one core busy."""
    with subprocess.Popen(  # noqa: S603 (our own code, our own interpreter)
        [sys.executable, "-c", NEIGHBOUR],
        stdout=subprocess.PIPE,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        try:
            yield
        finally:
            process.kill()


def agreement(answer: Answer, expected: Answer) -> str:
    """Return how an answer compares with the expected one."""
    if answer.pick == expected.pick:
        return "the same"
    return "within the interval" if answer.within else "DIFFERENT"


def row(name: str, answer: Answer, expected: Answer) -> str:
    """Return a row of the table."""
    return (
        f"| {name} | {answer.pick} | {_time(answer.step)} | {_time(answer.expected_step)} | {answer.confidence:.2f} | "
        f"{answer.busy_cores:.1f} | {answer.seconds:.0f} s | {agreement(answer, expected)} |"
    )


def _time(step: StepTime | None) -> str:
    if step is None:
        return ""
    low, median, high = (each * 1e3 for each in (step.low_seconds, step.median_seconds, step.high_seconds))
    return f"{median:.2f} ms [{low:.2f}, {high:.2f}]"


def summary(answers: Sequence[Answer], expected: Answer) -> str:
    """Return how many answers agree."""
    kinds = [agreement(each, expected) for each in answers]
    return (
        f"{kinds.count('the same')} of {len(kinds)} answers are {expected.pick}, as without the neighbour; "
        f"{kinds.count('within the interval')} are another within the interval; {kinds.count('DIFFERENT')} differ."
    )


def main() -> None:
    """Ask once in silence and many times beside the neighbour."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("workload", nargs="?", default=DEFAULT, help="a factory; the wide MLP of the zoo by default")
    parser.add_argument("--studies", type=int, default=10, help="studies beside the neighbour (default 10)")
    parser.add_argument("--budget", type=float, default=60.0, help="seconds of each study (default 60)")
    parser.add_argument("--json", action="store_true", help="print JSON in place of a table")
    given = parser.parse_args()
    quiet, candidate = ask(given.workload, given.budget, None)
    if not given.json:
        print("| study | answer | its step | the expected one's | confidence | busy cores | took | compared |")
        print("|---|---|---|---|--:|--:|--:|---|")
        print(row("alone", quiet, quiet), flush=True)
    answers = []
    with neighbour():
        for number in range(1, given.studies + 1):
            answers.append(ask(given.workload, given.budget, candidate)[0])
            if not given.json:
                print(row(str(number), answers[-1], quiet), flush=True)
    if given.json:
        print(json.dumps({"alone": _plain(quiet), "beside": [_plain(each) for each in answers]}))
    else:
        print(f"\n{summary(answers, quiet)}")


def _plain(answer: Answer) -> dict[str, object]:
    steps = {name: each and each.model_dump() for name, each in vars(answer).items() if isinstance(each, StepTime)}
    return {**asdict(answer), **steps}


if __name__ == "__main__":
    main()
