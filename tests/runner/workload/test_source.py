"""Sources on their way to a child process."""

import pytest

from autoprec_runner.errors import WorkloadError
from autoprec_runner.workload import FactorySource, PickledSource, WorkloadSource


@pytest.mark.parametrize("source", [FactorySource("json:loads", "/work"), PickledSource("/tmp/a file.pkl")])  # noqa: S108
def test_a_source_comes_back_from_json(source: WorkloadSource) -> None:
    assert source == WorkloadSource.from_json(source.to_json())


@pytest.mark.parametrize("text", ["", "[]", "3", "{}", '{"kind": "shell"}', '{"kind": "pickle", "command": "ls"}'])
def test_other_text_is_no_source(text: str) -> None:
    with pytest.raises(WorkloadError, match=r"Not a workload source.*Known kinds: .*factory.*pickle"):
        WorkloadSource.from_json(text)
