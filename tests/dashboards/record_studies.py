"""Run real studies and keep them as the records that the tests of the dashboard show: `python record_studies.py`.

Studied are healthy workloads and ones that go wrong, on all cores of this machine and on one, which is another machine
to autoprec. Numbers are kept with six digits, which is more than any of them is worth, so that the file stays small.
"""

import json
import os
import tempfile
from pathlib import Path
from typing import Any

import autoprec
from autoprec_service.exchange import export_jsonl
from autoprec_service.store import open_store

ROOT = Path(__file__).parents[2]
FILE = Path(__file__).parent / "data" / "studies.jsonl"
BUDGET_SECONDS = 30.0
TRIED = ("32-true", "16-mixed", "bf16-mixed", "16-true", "bf16-true")
SCALED = ("32-true", "16-mixed")
"""With nothing else in the race, 16-mixed runs long enough to show the path of its loss scale."""
WORKLOADS = (
    ("examples/digits_cnn.py", TRIED, True),
    ("examples/digits_inference.py", TRIED, True),
    ("benchmarks/zoo/mlp_wide.py", TRIED, True),
    ("benchmarks/zoo/lost_updates.py", TRIED, False),
    ("benchmarks/zoo/fp16_overflow.py", TRIED, False),
    ("benchmarks/zoo/mlp_tiny.py", SCALED, False),
)
"""File, candidates, and whether it is also studied on one core."""


def record(store: Path) -> None:
    """Run every study into a store."""
    cores = os.sched_getaffinity(0)
    for file, candidates, on_one_core in WORKLOADS:
        for used in [cores, {min(cores)}] if on_one_core else [cores]:
            os.sched_setaffinity(0, used)
            factory = f"{ROOT / file}:workload"
            autoprec.suggest(factory, budget=BUDGET_SECONDS, candidates=candidates, store=store, progress=False)
    os.sched_setaffinity(0, cores)


def shortened(value: Any) -> Any:
    """Return a record with every number at six digits and without the folder of this copy of the project."""
    match value:
        case float():
            return float(f"{value:.6g}")
        case str():
            return value.replace(f"{ROOT}/", "")
        case list():
            return [shortened(each) for each in value]
        case dict():
            return {name: shortened(each) for name, each in value.items()}
        case _:
            return value


def main() -> None:
    """Record the studies and write the file."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / "store.db"
        record(place)
        with open_store(place) as store:
            export_jsonl(store, Path(folder) / "whole.jsonl")
        lines = (Path(folder) / "whole.jsonl").read_text().splitlines()
    FILE.write_text("".join(json.dumps(shortened(json.loads(each))) + "\n" for each in lines))


if __name__ == "__main__":
    main()
