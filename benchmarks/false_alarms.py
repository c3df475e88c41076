"""How often the verdict on a training run calls a harmless difference unstable: its false-alarm rate.

Candidates that are right by construction: the fp32 reference itself, run again with relative noise of 2^-9 on its
weights or with other random numbers, each time from another seed. The same statistic, tolerance and yardsticks judge
them as in a study. Beside that, the power: the same runs with a known fault, a loss that rises by a stated share.

    python benchmarks/false_alarms.py [--runs 20] [--steps 50]

Prints, by workload, how many of the harmless runs were called unstable and how many of the faulty ones were not, with
the 95 % interval of Wilson for the sum.
"""

import argparse
import math
import random
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).parent.parent / "examples"))

import char_lstm
import char_transformer
import digits_cnn
import tabular_mlp
from autoprec_runner.trials.session import Evidence
from autoprec_runner.trials.stability import train_verdict
from autoprec_runner.trials.worker import PERTURBATION
from autoprec_runner.workload import Workload
from autoprec_runner.workload.task import resolve

WORKLOADS: dict[str, Callable[[], Workload]] = {
    "tabular_mlp": tabular_mlp.workload,
    "digits_cnn": digits_cnn.workload,
    "char_lstm": char_lstm.workload,
    "char_transformer": char_transformer.workload,
}
FAULTS = (0.03, 0.1, 0.3)
"""Shares by which the second half of the losses is raised."""


@dataclass(frozen=True, kw_only=True)
class Row:
    """What the verdicts on one workload were."""

    workload: str
    runs: int
    alarms: int
    found: tuple[int, ...]
    """How many of the runs with each fault were found."""


def losses(
    make: Callable[[], Workload], steps: int, *, weights_seed: int | None = None, draws_seed: int = 0
) -> Evidence:
    """Train in fp32 and return the losses; a `weights_seed` puts noise on the weights that training starts from."""
    _seed(0)
    task = resolve(make(), mode="train", seed=0)
    if weights_seed is not None:
        generator = torch.Generator().manual_seed(weights_seed)
        with torch.no_grad():
            for parameter in task.model.parameters():
                parameter.mul_(1 + PERTURBATION * torch.randn(parameter.shape, generator=generator))
    optimizer = task.make_optimizer(task.model)
    _seed(draws_seed)
    found = []
    before = torch.get_rng_state()
    for step in range(steps):
        assert task.loss_of is not None
        loss = task.loss_of(task.model, task.batches[step % len(task.batches)])
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        optimizer.zero_grad()
        found.append(float(loss.detach()))
    return Evidence(losses=found, steps=steps, is_random=not torch.equal(before, torch.get_rng_state()))


def measure(name: str, runs: int, steps: int) -> Row:
    """Judge harmless and faulty runs of one workload."""
    make = WORKLOADS[name]
    reference = losses(make, steps)
    yardsticks = [losses(make, steps, weights_seed=1)]
    if reference.is_random:
        yardsticks.append(losses(make, steps, draws_seed=1))
    harmless = list(_harmless(make, runs, steps, is_random=reference.is_random))
    return Row(
        workload=name,
        runs=runs,
        alarms=sum(_is_unstable(each, reference, yardsticks) for each in harmless),
        found=tuple(
            sum(_is_unstable(_faulty(each, share), reference, yardsticks) for each in harmless) for share in FAULTS
        ),
    )


def _harmless(make: Callable[[], Workload], runs: int, steps: int, *, is_random: bool) -> Iterator[Evidence]:
    for run in range(runs):
        if is_random and run % 2:
            yield losses(make, steps, draws_seed=100 + run)
        else:
            yield losses(make, steps, weights_seed=100 + run)


def _faulty(evidence: Evidence, share: float) -> Evidence:
    half = evidence.steps // 2
    raised = [loss * (1 + share) if step >= half else loss for step, loss in enumerate(evidence.losses)]
    return Evidence(losses=raised, steps=evidence.steps)


def _is_unstable(evidence: Evidence, reference: Evidence, yardsticks: list[Evidence]) -> bool:
    return train_verdict(evidence, reference, yardsticks, tolerance=None).verdict == "unstable"


def _seed(seed: int) -> None:
    random.seed(seed)
    torch.manual_seed(seed)


def wilson(hits: int, total: int, z: float = 1.96) -> tuple[float, float]:
    """Return the 95 % interval of a share."""
    share, weight = hits / total, 1 + z * z / total
    middle = (share + z * z / (2 * total)) / weight
    half = z * math.sqrt(share * (1 - share) / total + z * z / (4 * total * total)) / weight
    return max(0.0, middle - half), min(1.0, middle + half)


def main() -> None:
    """Measure every workload and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=20, help="harmless runs of each workload")
    parser.add_argument("--steps", type=int, default=50, help="steps of a run, as many as a study compares")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    print(f"torch {torch.__version__}, {arguments.steps} steps; tolerance 5 %, yardsticks as in a study.\n")
    print("| workload | harmless runs called unstable | " + " | ".join(f"+{each:.0%} found" for each in FAULTS) + " |")
    print("|---|--:|" + "--:|" * len(FAULTS))
    rows = []
    for name in WORKLOADS:
        row = measure(name, arguments.runs, arguments.steps)
        rows.append(row)
        cells = " | ".join(f"{each} of {row.runs}" for each in row.found)
        print(f"| {name} | {row.alarms} of {row.runs} | {cells} |", flush=True)
    alarms, total = sum(row.alarms for row in rows), sum(row.runs for row in rows)
    low, high = wilson(alarms, total)
    print(f"\nFalse alarms: {alarms} of {total} (95 % interval {low:.1%} to {high:.1%}).")


if __name__ == "__main__":
    main()
