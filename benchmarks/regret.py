"""How far autoprec's answers are from the truth, on the zoo.

    python benchmarks/regret.py [--workloads mlp_tiny,pinn_fp64] [--budget 60] [--resume truth.json] [--json]
        [--rounds 30] [--steps 300] [--seeds 3] [--limit 600]

For each workload, the truth comes from an exhaustive measurement (`truth.py`) and the answer from a study of its own,
with a store of its own. With `--resume` the truth is kept in a file, so that a second call measures only what is
missing, also after an interruption; studies are always conducted anew. `--limit` ends the training of a workload
after so many seconds; another call goes on from there, and until then its row says that its truth is incomplete.

Printed for each workload: the answer and its throughput over the best stable candidate's (both times from the truth),
whether the answer is unsafe (ruined, or any answer where none is stable), stable candidates that the study called
unstable, and the wall time of the study over that of the exhaustive measurement. A candidate whose step takes more
than four times the best's is not measured further than that, so that the exhaustive time is a lower bound. Whether it
would be stable is then unknown, unless it was ruined at once. Where the truth contradicts what the table of the zoo
says by construction, the row says so too.
"""

import argparse
import json
import statistics
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

sys.path.insert(0, str(Path(__file__).parent / "zoo"))

import autoprec
from autoprec_runner.trial import Trial
from table import BY_NAME, ZOO, Entry
from truth import Effort, Truth, TruthFile, measure, measure_further

AIMS = {"median": 0.97, "worst": 0.90, "rejected": 0.05, "wall": 0.2}


@dataclass(frozen=True, kw_only=True)
class Row:
    """One workload: what is true and what the study said."""

    workload: str
    best: str | None
    """The fastest stable candidate; None if none is stable."""
    best_milliseconds: float | None
    pick: str | None
    throughput: float | None
    """Of the pick over the best stable candidate's; None where either is none, or the pick is unsafe."""
    unsafe: str
    """Why the pick is unsafe; empty if it is not."""
    missed: bool
    """Whether there was no answer though a candidate is stable."""
    rejected: tuple[str, ...]
    """Stable candidates that the study called unstable, with its reason."""
    stable: int
    """How many candidates are known to be stable."""
    study_seconds: float
    exhaustive_seconds: float
    against_the_table: tuple[str, ...]
    complete: bool


def study(entry: Entry, budget: float) -> tuple[autoprec.Recommendation, float]:
    """Ask autoprec, and return how long that took."""
    with TemporaryDirectory(prefix="autoprec-regret-") as folder:
        started = time.monotonic()
        answer = autoprec.suggest(entry.reference, budget=budget, store=Path(folder) / "store.db", progress=False)
        return answer, time.monotonic() - started


def compared(entry: Entry, truth: Truth, answer: autoprec.Recommendation, seconds: float) -> Row:
    """Hold an answer against the truth."""
    ruins = {candidate: truth.ruin(candidate) for candidate in truth.seconds | truth.failed}
    sound = {each: truth.seconds[each] for each, reason in ruins.items() if reason == ""}  # None: nobody knows
    best = min(sound, key=sound.__getitem__, default=None)
    pick = str(answer.candidate) if answer.candidate else None
    unsafe = (ruins.get(pick) or "") if pick else ""
    ratio = sound[best] / truth.seconds[pick] if best and pick and not unsafe else None
    return Row(
        workload=entry.name,
        best=best,
        best_milliseconds=sound[best] * 1e3 if best else None,
        pick=pick,
        throughput=ratio,
        unsafe=unsafe,
        missed=pick is None and best is not None,
        rejected=tuple(f"{name}: {reason}" for name, reason in _called_unstable(answer.trials) if name in sound),
        stable=len(sound),
        study_seconds=seconds,
        exhaustive_seconds=truth.wall_seconds,
        against_the_table=(
            *(f"{each} is not ruined" for each in entry.ruined if ruins.get(each) == ""),
            *(f"{each}: {ruins[each]}" for each in entry.sound if ruins.get(each)),
        ),
        complete=truth.complete,
    )


def _called_unstable(trials: Sequence[Trial]) -> list[tuple[str, str]]:
    last = {str(trial.candidate): trial for trial in trials}
    return [(name, trial.reason) for name, trial in last.items() if trial.status == "unstable"]


def markdown(row: Row) -> str:
    """Return a row of the table."""
    best = f"{row.best} ({row.best_milliseconds:.2f} ms)" if row.best and row.best_milliseconds else "none"
    ratio = "" if row.throughput is None else f"{row.throughput:.3f}"
    remarks = [
        *([f"UNSAFE: {row.unsafe}"] if row.unsafe else []),
        *(["MISSED: no answer"] if row.missed else []),
        *(f"REJECTED {each}" for each in row.rejected),
        *(f"against the table: {each}" for each in row.against_the_table),
        *([] if row.complete else ["the truth is incomplete"]),
    ]
    wall = f"{row.study_seconds:.0f} s of {row.exhaustive_seconds:.0f} s"
    return f"| {row.workload} | {best} | {row.pick or 'none'} | {ratio} | {wall} | {'; '.join(remarks)} |"


def total(rows: Sequence[Row]) -> dict[str, float | int | None]:
    """Return what all rows come to."""
    ratios = [row.throughput for row in rows if row.throughput is not None]
    walls = [row.study_seconds / row.exhaustive_seconds for row in rows if row.exhaustive_seconds]
    stable = sum(row.stable for row in rows)
    return {
        "workloads": len(rows),
        "median_throughput": statistics.median(ratios) if ratios else None,
        "worst_throughput": min(ratios, default=None),
        "unsafe": sum(bool(row.unsafe) for row in rows),
        "missed": sum(row.missed for row in rows),
        "rejected": sum(len(row.rejected) for row in rows),
        "stable": stable,
        "rejected_share": sum(len(row.rejected) for row in rows) / stable if stable else None,
        "wall_ratio": statistics.median(walls) if walls else None,
        "wall_ratio_in_sum": sum(r.study_seconds for r in rows) / (sum(r.exhaustive_seconds for r in rows) or 1.0),
        "longest_study_seconds": max((row.study_seconds for row in rows), default=None),
    }


def summary(rows: Sequence[Row]) -> str:
    """Return the totals as sentences, each with what is aimed at."""
    found = total(rows)

    def share(name: str) -> str:
        value = found[name]
        return "unknown" if value is None else f"{value:.3f}"

    return (
        f"Throughput over the best stable candidate's: median {share('median_throughput')} (aim {AIMS['median']}), "
        f"worst {share('worst_throughput')} (aim {AIMS['worst']}).\n"
        f"Unsafe answers: {found['unsafe']} of {found['workloads']} (aim 0). Without an answer though one is stable: "
        f"{found['missed']}.\n"
        f"Stable candidates called unstable: {found['rejected']} of {found['stable']}, {share('rejected_share')} "
        f"(aim {AIMS['rejected']}).\n"
        f"Wall time of the study over the exhaustive one's: median {share('wall_ratio')}, in sum "
        f"{share('wall_ratio_in_sum')} (aim {AIMS['wall']}); longest study {found['longest_study_seconds']:.0f} s."
    )


def row_of(entry: Entry, truths: TruthFile, effort: Effort, budget: float) -> Row:
    """Measure what is missing of the truth, conduct a study and compare."""
    truth = truths.of(entry)
    measure(entry, truth, effort, truths.save)
    answer, seconds = study(entry, budget)
    if answer.candidate and str(answer.candidate) not in truth.seconds:
        before = truth.wall_seconds
        measure_further(entry, answer.candidate, truth, effort)
        truth.wall_seconds = before  # an exhaustive measurement has no such candidate
        truths.save()
    return compared(entry, truth, answer, seconds)


def chosen(names: str | None) -> list[Entry]:
    """Return the workloads that were named, or all."""
    wanted = names.split(",") if names else [entry.name for entry in ZOO]
    if unknown := [name for name in wanted if name not in BY_NAME]:
        raise SystemExit(f"Not in the zoo: {', '.join(unknown)}. There are: {', '.join(sorted(BY_NAME))}.")
    return [BY_NAME[name] for name in wanted]


def main() -> None:
    """Measure, ask, compare and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--workloads", help="names of the zoo, with commas between them; all by default")
    parser.add_argument("--budget", type=float, default=60.0, help="seconds of each study (default 60)")
    parser.add_argument("--resume", type=Path, help="file to keep the truth in, and to go on from")
    parser.add_argument("--json", action="store_true", help="print JSON in place of a table")
    parser.add_argument("--rounds", type=int, default=Effort.rounds, help="rounds in which steps are timed")
    parser.add_argument("--steps", type=int, default=Effort.steps, help="steps of a training")
    parser.add_argument("--seeds", type=int, default=Effort.seeds, help="trainings of each candidate")
    parser.add_argument("--limit", type=float, default=Effort.limit_seconds, help="seconds for the truth of a workload")
    given = parser.parse_args()
    effort = Effort(rounds=given.rounds, steps=given.steps, seeds=given.seeds, limit_seconds=given.limit)
    entries, truths, rows = chosen(given.workloads), TruthFile(given.resume), []
    if not given.json:
        print(
            "| workload | best stable | answer | throughput | study, exhaustive | remarks |\n|---|---|---|--:|---|---|"
        )
    for entry in entries:
        rows.append(row_of(entry, truths, effort, given.budget))
        if not given.json:
            print(markdown(rows[-1]), flush=True)
    print(json.dumps({"rows": [asdict(row) for row in rows], "total": total(rows)}) if given.json else summary(rows))


if __name__ == "__main__":
    main()
