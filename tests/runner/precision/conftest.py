"""Tiny models throughout."""

import pytest


@pytest.fixture(autouse=True, scope="module")
def _quick(one_thread: None) -> None:
    """Run each module of this folder on one thread."""
