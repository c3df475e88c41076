"""Fills a store with made-up trials: 5,000 models x 40 kinds of hardware x 5 precisions are a million of them.

Everything goes through the store's own methods, as an import would, so that the printed rate is one that users get. The
same seed makes the same records: filling again, or going on after an interruption, adds only what is missing.

    python benchmarks/fill.py sweep.db --trials 100000
    python benchmarks/fill.py postgresql+psycopg://localhost/autoprec --trials 1000000
"""

import argparse
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass

from autoprec_runner.description import ModelDescription
from autoprec_runner.study import Study
from autoprec_runner.trial import Trial
from autoprec_service.store import Store, open_store
from population import TRIALS_PER_MODEL, model, models_for, studies_of

_MODELS_AT_ONCE = 5
"""A batch is as large as the largest that the service takes: 1,000 trials."""


@dataclass(frozen=True, kw_only=True)
class Filled:
    """What was written, and how long making and writing it took."""

    models: int
    studies: int
    trials: int
    making_seconds: float
    writing_seconds: float

    @property
    def trials_per_second(self) -> float:
        """How fast they were written, without the time that making them up took."""
        return self.trials / self.writing_seconds


@dataclass(frozen=True, kw_only=True)
class Batch:
    """Some models with all that was measured of them."""

    descriptions: list[ModelDescription]
    studies: list[Study]
    trials: list[Trial]


def batches(trials: int, *, seed: int = 0, after: int = 0) -> Iterator[Batch]:
    """Yield as many trials as asked for, rounded up to whole models, without the first ones where they are there."""
    models = models_for(trials)
    for start in range(models_for(after), models, _MODELS_AT_ONCE):
        some = [model(number, seed=seed) for number in range(start, min(start + _MODELS_AT_ONCE, models))]
        pairs = [pair for each in some for pair in studies_of(each, seed=seed)]
        yield Batch(
            descriptions=[each.description for each in some],
            studies=[study for study, _ in pairs],
            trials=[trial for _, several in pairs for trial in several],
        )


def write(store: Store, batch: Batch) -> None:
    """Store a batch."""
    for each in batch.descriptions:
        store.save_description(each)
    store.save_studies(batch.studies)
    store.add_trials(batch.trials)


def fill(store: Store, trials: int, *, seed: int = 0, after: int = 0, progress: bool = False) -> Filled:
    """Store as many trials as asked for, rounded up to whole models, and return what that took.

    The first ones are left out as far as `after` says that they are there.
    """
    models = studies = written = 0
    begin, writing = time.perf_counter(), 0.0
    for batch in batches(trials, seed=seed, after=after):
        started = time.perf_counter()
        write(store, batch)
        writing += time.perf_counter() - started
        models += len(batch.descriptions)
        studies += len(batch.studies)
        written += len(batch.trials)
        if progress:
            print(f"\r{written:,} of {models_for(trials) * TRIALS_PER_MODEL:,} trials", end="", file=sys.stderr)
    if progress:
        print(file=sys.stderr)
    return Filled(
        models=models,
        studies=studies,
        trials=written,
        making_seconds=time.perf_counter() - begin - writing,
        writing_seconds=writing,
    )


def main() -> None:
    """Fill a store and say how fast that was."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("store", help="a path or an SQLAlchemy URL")
    parser.add_argument("--trials", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    with open_store(options.store) as store:
        done = fill(store, options.trials, seed=options.seed, progress=True)
    print(
        f"{done.models:,} models, {done.studies:,} studies, {done.trials:,} trials: {done.writing_seconds:.1f} s of "
        f"writing, {done.trials_per_second:,.0f} trials/s (and {done.making_seconds:.1f} s to make them up)",
    )


if __name__ == "__main__":
    main()
