"""Several processes on one store, for real."""

import subprocess
import sys
from pathlib import Path

from autoprec_service.store import open_store

WRITER = """
import sys
from itertools import count
from autoprec_service.store import open_store
from autoprec_service.testing import make_study, make_trial

path, name, most = sys.argv[1:]
numbers = range(int(most)) if int(most) else count()
with open_store(path) as store:
    store.save_study(make_study())
    for number in numbers:
        store.add_trials([make_trial(id=f"{name}-{number}")])
        print(f"{name}-{number}", flush=True)
"""


def start(path: Path, name: str, most: int) -> "subprocess.Popen[str]":
    command = [sys.executable, "-c", WRITER, str(path), name, str(most)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def test_processes_that_make_and_write_a_store_at_once_all_succeed(path: Path) -> None:
    writers = [start(path, name, 40) for name in "abc"]
    outputs = [writer.communicate()[0] for writer in writers]
    assert [0, 0, 0] == [writer.returncode for writer in writers]
    acknowledged = {name for output in outputs for name in output.split()}
    with open_store(path) as store:
        assert acknowledged == {trial.id for trial in store.trials()}
    assert 120 == len(acknowledged)


def test_killing_a_writer_loses_no_acknowledged_trial(path: Path) -> None:
    for name in ("a", "b"):
        with start(path, name, 0) as writer:
            assert writer.stdout is not None
            acknowledged = [writer.stdout.readline().strip() for _ in range(20)]
            writer.kill()
            acknowledged += [line.strip() for line in writer.stdout if line.endswith("\n")]
        with open_store(path) as store:
            stored = {trial.id for trial in store.trials()}
        assert set(acknowledged) <= stored
        assert {f"{name}-0", f"{name}-19"} <= set(acknowledged)
