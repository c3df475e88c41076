"""Workloads made by a function of the user's."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from torch import nn

from autoprec_runner.errors import WorkloadError
from autoprec_runner.workload import FactorySource, Workload, WorkloadSource

FACTORIES = """
import torch
from torch import nn
from autoprec_runner.workload import Workload
from neighbour import WIDTH

ready = nn.Linear(3, 3)
number = 3

def module():
    return nn.Linear(WIDTH, 2)

def pair():
    return nn.Linear(WIDTH, 2), torch.ones(4, WIDTH)

def triple():
    return nn.Linear(WIDTH, 2), torch.ones(4, WIDTH), lambda output, batch: output.mean()

def workload():
    return Workload(model=nn.Linear(WIDTH, 2), name="mine")

def optional(width=WIDTH, *args, **kwargs):
    return nn.Linear(width, 2)

def demanding(width, depth):
    return nn.Linear(width, depth)

def nothing():
    pass

def quadruple():
    return nn.Linear(1, 1), 1, 2, 3

def failing():
    raise KeyError("no such checkpoint")

def leaving():
    raise SystemExit(2)

class Net(nn.Linear):
    def __init__(self):
        super().__init__(WIDTH, 2)
"""


@pytest.fixture(autouse=True)
def _imports_stay_as_they_were(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(sys, "path", [*sys.path])
    before = set(sys.modules)
    yield
    for name in set(sys.modules) - before:
        if not name.startswith("torch"):
            del sys.modules[name]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "models.py").write_text(FACTORIES)
    (tmp_path / "neighbour.py").write_text("WIDTH = 5\n")
    package = tmp_path / "mine" / "deep"
    package.mkdir(parents=True)
    (tmp_path / "mine" / "__init__.py").write_text("raise RuntimeError('run by the parent')\n")
    (package / "nets.py").write_text("")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("name", ["module", "pair", "triple", "workload", "optional", "Net"])
def test_every_form_of_result_becomes_a_workload(folder: Path, name: str) -> None:
    workload = FactorySource(f"{folder}/models.py:{name}").load()
    assert isinstance(workload.model, nn.Linear)
    assert 5 == workload.model.in_features
    assert (name in {"pair", "triple"}) == (workload.batch is not None)
    assert ("triple" == name) == (workload.loss is not None)
    assert ("mine" if name == "workload" else None) == workload.name


def test_a_module_that_is_there_already_is_taken_as_it_is(folder: Path) -> None:
    workload = FactorySource(f"{folder}/models.py:ready").load()
    assert isinstance(workload.model, nn.Linear)
    assert 3 == workload.model.in_features


def test_a_module_is_found_beside_the_working_folder(folder: Path) -> None:
    assert folder == Path.cwd()
    assert isinstance(FactorySource("models:workload").load(), Workload)


def test_a_relative_path_keeps_its_folder_on_the_way_to_a_child(
    folder: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = FactorySource("models.py:pair").to_json()
    monkeypatch.chdir(tmp_path_factory.mktemp("elsewhere"))
    source = WorkloadSource.from_json(text)
    assert isinstance(source, FactorySource)
    assert str(folder) == source.folder
    assert (4, 5) == source.load().batch.shape


def test_the_seed_decides_the_weights(folder: Path) -> None:
    def weight(seed: int) -> torch.Tensor:
        model = FactorySource(f"{folder}/models.py:module").load(seed=seed).model
        return next(iter(model.parameters()))

    assert torch.equal(weight(1), weight(1))
    assert not torch.equal(weight(1), weight(2))


def test_loading_leaves_the_random_generators_alone(folder: Path) -> None:
    before = torch.random.get_rng_state()
    FactorySource(f"{folder}/models.py:module").load(seed=5)
    assert torch.equal(before, torch.random.get_rng_state())


@pytest.mark.parametrize("ref", ["models.py", "models.py:", ":factory", "", "models.py:my factory"])
def test_a_malformed_reference_is_told_with_the_two_forms(folder: Path, ref: str) -> None:
    assert folder.exists()
    with pytest.raises(WorkloadError, match=r'Write "path/to/file.py:factory" or "package.module:factory"'):
        FactorySource(ref)


@pytest.mark.parametrize(
    ("ref", "message"),
    [
        ("missing.py:factory", "there is no file"),
        ("missing.module:factory", "there is no module 'missing.module'"),
        ("mine.shallow:factory", "there is no module 'mine.shallow'"),
        ("mine.deep.nets.more:factory", "there is no module 'mine.deep.nets.more'"),
        ("two words:factory", "is not a module's name"),
    ],
)
def test_what_is_missing_is_told_before_anything_runs(folder: Path, ref: str, message: str) -> None:
    assert folder.exists()
    with pytest.raises(WorkloadError, match=message):
        FactorySource(ref)


def test_a_module_in_a_package_is_found_without_importing_the_package(folder: Path) -> None:
    assert folder.exists()
    assert "mine.deep.nets:factory" == FactorySource("mine.deep.nets:factory").ref
    assert "mine" not in sys.modules


def test_a_file_that_is_not_python_is_told_before_anything_runs(folder: Path) -> None:
    (folder / "broken.py").write_text("def workload(:\n")
    with pytest.raises(WorkloadError, match="is not valid Python: invalid syntax"):
        FactorySource("broken.py:workload")


def test_a_file_named_like_a_module_of_python_is_loaded_all_the_same(folder: Path) -> None:
    (folder / "types.py").write_text("import torch\n\ndef workload():\n    return torch.nn.Linear(2, 2)\n")
    types = sys.modules["types"]
    assert isinstance(FactorySource("types.py:workload").load().model, nn.Linear)
    assert types is sys.modules["types"]


def test_a_missing_factory_is_told_with_the_nearest_name_and_the_others(folder: Path) -> None:
    with pytest.raises(
        WorkloadError, match=r"no 'workloads'. Did you mean 'workload'\? Callables there: Net, demanding"
    ):
        FactorySource(f"{folder}/models.py:workloads").load()


def test_a_factory_with_required_arguments_is_told_which(folder: Path) -> None:
    with pytest.raises(WorkloadError, match="needs the arguments width, depth"):
        FactorySource(f"{folder}/models.py:demanding").load()


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("nothing", r"returned None. A factory returns an nn.Module, a Workload, \(model, batch\)"),
        ("quadruple", r"returned a tuple \(Linear, int, int, int\)"),
        ("number", "is an object of type int, not a callable"),
        ("failing", r"raised an error:\n(.|\n)*in failing(.|\n)*KeyError: 'no such checkpoint'"),
        ("leaving", "SystemExit: 2"),
    ],
)
def test_a_factory_that_gives_no_workload_is_told_why(folder: Path, name: str, message: str) -> None:
    with pytest.raises(WorkloadError, match=message):
        FactorySource(f"{folder}/models.py:{name}").load()


def test_a_file_that_fails_is_told_with_the_end_of_its_traceback(folder: Path) -> None:
    (folder / "failing.py").write_text("import no_such_package\n")
    with pytest.raises(WorkloadError, match=r"cannot be imported:\n(.|\n)*ModuleNotFoundError: No module named"):
        FactorySource("failing.py:workload").load()
    assert "failing" not in sys.modules
