from pathlib import Path

import pytest

from asking import ask, ledger, profile, question

__all__ = ["ask", "ledger", "profile", "question", "workloads"]


@pytest.fixture
def workloads() -> Path:
    return Path(__file__).parent / "support" / "misbehaving.py"
