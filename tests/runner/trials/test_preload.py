"""What the fork server imports for its children."""

import pytest

from autoprec_probe import Candidate
from autoprec_runner.trials.session import Setting, _preload

QUANTIZED, COMPILED = Candidate(precision="bnb-nf4"), Candidate(precision="32-true", compile=True)


def setting(*, has_accelerator: bool) -> Setting:
    return Setting(
        source="{}",
        mode=None,
        device="cpu",
        seed=0,
        sys_path=(),
        folder=".",
        temporary=".",
        has_accelerator=has_accelerator,
    )


@pytest.mark.parametrize("candidate", [QUANTIZED, COMPILED])
def test_what_starts_the_runtime_of_a_gpu_is_not_imported_before_the_fork(candidate: Candidate) -> None:
    assert () == _preload(candidate, setting(has_accelerator=True))
    assert () != _preload(candidate, setting(has_accelerator=False))
    assert () == _preload(Candidate(precision="32-true"), setting(has_accelerator=False))
