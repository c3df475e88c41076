"""How often the verdict on a training run calls a harmless difference unstable: its false-alarm rate.

Candidates that are right by construction: the fp32 reference itself, run again with relative noise of 2^-9 on its
weights or with other random numbers, each time from another seed. The same statistic, tolerance and yardsticks judge
them as in a study; every harmless run is the yardstick of every other one. Beside that, the power: the same runs with a
known fault, a loss that is raised by a stated share.

    python benchmarks/false_alarms.py [--runs 6] [--steps 50,150,300] [--workloads digits_cnn,mlp_tiny]

Prints, by workload and number of steps, how many of the harmless pairs were called unstable and how many of the faulty
ones were found, and the sums. Pairs share runs, so that they are no independent samples.
"""

import argparse
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import permutations
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).parent / "zoo"))

from autoprec_runner.trials.evidence import Evidence
from autoprec_runner.trials.seeding import perturb, seed_everything
from autoprec_runner.trials.stability import train_verdict
from autoprec_runner.workload.factory import FactorySource
from autoprec_runner.workload.task import resolve
from table import BY_NAME

HERE = Path(__file__).parent
EXAMPLES = ("tabular_mlp", "digits_cnn")
ZOO = (
    "mlp_tiny",
    "autoencoder_digits",
    "cnn_residual",
    "contrastive_digits",
    "decoder_tiny",
    "diffusion_step",
    "gnn_scatter",
    "gru_rows",
)
FAULTS = (0.03, 0.1, 0.3)
"""Shares by which the second half of the losses is raised."""


@dataclass(frozen=True, kw_only=True)
class Row:
    """What the verdicts on one workload were."""

    workload: str
    steps: int
    pairs: int
    alarms: int
    found: tuple[int, ...]
    """How many of the pairs with each fault were found."""


def reference_of(name: str) -> str:
    """Return what the command line takes for an example or a workload of the zoo."""
    return BY_NAME[name].reference if name in BY_NAME else f"{HERE.parent / 'examples' / name}.py:workload"


def losses(name: str, steps: int, *, weights_seed: int | None = None, draws_seed: int = 0) -> Evidence:
    """Train in fp32 and return the losses; a `weights_seed` puts noise on the weights that training starts from."""
    seed_everything(0)
    task = resolve(FactorySource(reference_of(name)).load(seed=0), mode="train", seed=0)
    if weights_seed is not None:
        perturb(task.model.parameters(), weights_seed)
    optimizer = task.make_optimizer(task.model)
    seed_everything(draws_seed)
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


def measure(name: str, runs: int, steps: Sequence[int]) -> Iterator[Row]:
    """Judge harmless and faulty runs of one workload, each beside the yardsticks that every other one makes."""
    reference = losses(name, max(steps))
    harmless = [list(_varied(name, run, max(steps), is_random=reference.is_random)) for run in range(runs)]
    for count in steps:
        true = _first(reference, count)
        cut = [[_first(each, count) for each in group] for group in harmless]
        pairs = [(ours[turn % len(ours)], yard) for turn, (ours, yard) in enumerate(permutations(cut, 2))]
        yield Row(
            workload=name,
            steps=count,
            pairs=len(pairs),
            alarms=sum(_is_unstable(ours, true, yardsticks) for ours, yardsticks in pairs),
            found=tuple(
                sum(_is_unstable(_faulty(ours, share), true, yardsticks) for ours, yardsticks in pairs)
                for share in FAULTS
            ),
        )


def _varied(name: str, run: int, steps: int, *, is_random: bool) -> Iterator[Evidence]:
    """Yield what a study would take for yardsticks."""
    yield losses(name, steps, weights_seed=99 + run)
    if is_random:
        yield losses(name, steps, draws_seed=100 + run)


def _first(evidence: Evidence, steps: int) -> Evidence:
    return Evidence(losses=evidence.losses[:steps], steps=steps, is_random=evidence.is_random)


def _faulty(evidence: Evidence, share: float) -> Evidence:
    half = evidence.steps // 2
    raised = [loss * (1 + share) if step >= half else loss for step, loss in enumerate(evidence.losses)]
    return Evidence(losses=raised, steps=evidence.steps)


def _is_unstable(evidence: Evidence, reference: Evidence, yardsticks: list[Evidence]) -> bool:
    return train_verdict(evidence, reference, yardsticks, tolerance=None).verdict == "unstable"


def main() -> None:
    """Measure every workload and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=6, help="harmless runs of each workload")
    parser.add_argument("--steps", default="50,150,300", help="steps of a run: a study compares 50 to 300")
    parser.add_argument("--workloads", default=",".join((*EXAMPLES, *ZOO)), help="names, with commas between them")
    given = parser.parse_args()
    torch.set_num_threads(1)
    print(f"torch {torch.__version__}; tolerance 5 %, yardsticks as in a study.\n")
    print(
        "| workload | steps | harmless called unstable | " + " | ".join(f"+{each:.0%} found" for each in FAULTS) + " |"
    )
    print("|---|--:|--:|" + "--:|" * len(FAULTS))
    steps = [int(each) for each in given.steps.split(",")]
    rows = []
    for name in given.workloads.split(","):
        for row in measure(name, given.runs, steps):
            rows.append(row)
            cells = " | ".join(f"{each} of {row.pairs}" for each in row.found)
            print(f"| {name} | {row.steps} | {row.alarms} of {row.pairs} | {cells} |", flush=True)
    for count in steps:
        chosen = [row for row in rows if row.steps == count]
        alarms, pairs = sum(row.alarms for row in chosen), sum(row.pairs for row in chosen)
        print(
            f"\nFalse alarms at {count} steps: {alarms} of {pairs} pairs, on {sum(r.alarms > 0 for r in chosen)} of "
            f"{len(chosen)} workloads."
        )


if __name__ == "__main__":
    main()
