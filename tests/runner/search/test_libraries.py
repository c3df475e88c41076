import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from autoprec_runner.isolation.forkserver import shared_forkserver
from autoprec_runner.search.conduct import Outcome

Ask = Callable[..., Outcome]
OTHERS = ("bf16-true", "bf16-mixed", "64-true")
LIBRARIES_BYTES = 30 << 20
"""Less than the library of these tests takes."""


@pytest.fixture(autouse=True)
def _fresh_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Start from a server that has imported nothing yet, and from files that the system has read before."""
    monkeypatch.chdir(tmp_path)
    subprocess.run([sys.executable, "-c", "import sklearn.datasets"], check=True)
    shared_forkserver().close()
    yield
    shared_forkserver().close()


def found_loaded() -> list[str]:
    return Path("trace").read_text(encoding="ascii").splitlines()


def test_a_library_is_imported_once_for_all_trials(ask: Ask) -> None:
    outcome = ask("imports_a_library", *OTHERS, budget=16.0)
    first, second, *others = found_loaded()
    assert ("False", "True") == (first, second)
    assert len(others) >= len(OTHERS)
    assert {"True"} == {*others}
    peaks = [trial.peak_memory_bytes for trial in outcome.trials if "32-true" == trial.candidate.precision]
    assert all(peak is not None and peak < LIBRARIES_BYTES for peak in peaks)


def test_a_library_that_the_users_code_leads_by_the_environment_is_left_to_each_trial(ask: Ask) -> None:
    ask("leads_a_library_by_the_environment", *OTHERS, budget=16.0)
    assert {"False"} == {*found_loaded()}
