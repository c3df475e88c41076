"""What can be seen only in a process that has not started XLA yet."""

import os
import subprocess
import sys

import pytest

pytest.importorskip("torch_xla", reason="needs torch-xla, which has an environment of its own: make test-xla")


def run(code: str, **environment: str) -> str:
    """Run code in an interpreter of its own, and return what it prints."""
    surroundings = {**os.environ, **environment}
    done = subprocess.run(
        [sys.executable, "-c", code], env=surroundings, capture_output=True, text=True, check=True, timeout=120
    )
    return done.stdout.strip()


def test_importing_torch_xla_starts_nothing_that_would_not_survive_a_fork() -> None:
    code = "import torch_xla; print(torch_xla._XLAC._xla_runtime_is_initialized())"
    assert "False" == run(code)


def test_a_tpu_that_is_not_there_is_refused_with_the_way_out() -> None:
    code = """
from autoprec_runner.engine import Engine
from autoprec_runner.errors import PrecisionError
try:
    Engine(strategy="xla", accelerator="tpu")
except PrecisionError as error:
    print(error)
"""
    told = run(code, PJRT_DEVICE="TPU")
    assert told.startswith("XLA cannot start on TPU")
    assert "accelerator='cpu'" in told


def test_several_processes_are_refused_because_their_gradients_would_not_be_summed() -> None:
    code = """
import torch_xla
from autoprec_runner.engine import Engine
from autoprec_runner.errors import PrecisionError
def work(index):
    try:
        Engine(strategy="xla")
    except PrecisionError as error:
        print(error)
if __name__ == "__main__":
    torch_xla.launch(work, start_method="fork")
"""
    told = run(code, PJRT_DEVICE="CPU", CPU_NUM_DEVICES="2")
    assert "strategy='xla' runs in one process" in told
    assert "of 2" in told
