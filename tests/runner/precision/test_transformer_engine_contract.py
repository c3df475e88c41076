"""The stand-in and our calls, held to the source of the real Transformer Engine, which is read and never run."""

import ast
import subprocess
import sys
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

import platformdirs
import pytest

from autoprec_probe.fp8 import RecipeName
from autoprec_runner.precision.transformer_engine import library

HERE = Path(__file__).parent
PIN = HERE / "transformer_engine.txt"
PACKAGE = "transformer_engine"
RECIPES = f"{PACKAGE}.common.recipe"
LAYERS = f"{PACKAGE}.pytorch"

Definition = ast.ClassDef | ast.FunctionDef


@dataclass(frozen=True)
class Source:
    """The Python files of a package, read as syntax trees."""

    root: Path

    def module(self, name: str) -> ast.Module:
        path = self.root.joinpath(*name.split("."))
        file = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
        return ast.parse(file.read_text())

    def find(self, module: str, name: str) -> Definition | None:
        """Return the definition of what a module offers under a name, wherever it is imported from."""
        tree = self.module(module)
        for node in tree.body:
            if isinstance(node, Definition) and node.name == name:
                return node
        for node in tree.body:
            if isinstance(node, ast.ImportFrom) and any((each.asname or each.name) == name for each in node.names):
                return self.find(self._imported(module, node), name)
        return None

    def _imported(self, module: str, node: ast.ImportFrom) -> str:
        if not node.level:
            return node.module or ""
        is_package = self.root.joinpath(*module.split(".")).is_dir()
        parents = module.split(".")[: None if is_package else -1]
        base = parents[: len(parents) - node.level + 1]
        return ".".join([*base, *([node.module] if node.module else [])])


FAKE = Source(HERE / "fakes")


@pytest.fixture(scope="session")
def real(tmp_path_factory: pytest.TempPathFactory) -> Source:
    folder = platformdirs.user_cache_path("autoprec-tests") / PIN.read_text().split("sha256:")[1].strip()
    if not any(folder.glob("*.whl")):
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary", ":all:"]
        options = ["--require-hashes", "--retries", "1", "--timeout", "20", "--dest", str(folder), "-r", str(PIN)]
        done = subprocess.run([*command, *options], capture_output=True, text=True, check=False)
        assert "HASH" not in done.stderr, done.stderr
        if done.returncode:
            pytest.skip(f"the package index cannot be reached: {done.stderr.strip().splitlines()[-1]}")
    (wheel,) = folder.glob("*.whl")
    unpacked = tmp_path_factory.mktemp("transformer-engine")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(unpacked, [each for each in archive.namelist() if each.endswith(".py")])
    return Source(unpacked)


def public(module: str) -> list[str]:
    names = (node.name for node in FAKE.module(module).body if isinstance(node, Definition))
    return [name for name in names if not name.startswith("_")]


def definition(source: Source, module: str, name: str) -> Definition:
    found = source.find(module, name)
    assert found is not None, f"{module} offers no {name}"
    return found


def parameters(function: ast.FunctionDef) -> dict[str, tuple[str, str | None]]:
    """Return kind and default of every parameter, by name."""
    args = function.args
    positional = [*args.posonlyargs, *args.args]
    defaults: list[ast.expr | None] = [None] * (len(positional) - len(args.defaults)) + list(args.defaults)
    found = {each.arg: ("positional", _text(default)) for each, default in zip(positional, defaults, strict=True)}
    found |= {
        each.arg: ("keyword", _text(default)) for each, default in zip(args.kwonlyargs, args.kw_defaults, strict=True)
    }
    found |= {each.arg: (star, None) for star, each in (("*", args.vararg), ("**", args.kwarg)) if each is not None}
    return found


def fields(kind: ast.ClassDef) -> dict[str, str | None]:
    """Return the defaults of a data class's fields, and the values of an enumeration's members."""
    found = {}
    for node in kind.body:
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.value is not None:
            found[node.target.id] = _text(node.value)
        elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and _is_enumeration(kind):
            found[node.targets[0].id] = _text(node.value)
    return {name: value for name, value in found.items() if not name.startswith("_")}


def methods(kind: ast.ClassDef) -> dict[str, ast.FunctionDef]:
    return {node.name: node for node in kind.body if isinstance(node, ast.FunctionDef)}


def _is_enumeration(kind: ast.ClassDef) -> bool:
    return any(isinstance(base, ast.Name) and base.id == "Enum" for base in kind.bases)


def _text(node: ast.expr | None) -> str | None:
    return None if node is None else ast.unparse(node)


@pytest.mark.parametrize("name", public(RECIPES))
def test_recipes_have_the_fields_and_questions_of_the_real_ones(real: Source, name: str) -> None:
    ours, theirs = definition(FAKE, RECIPES, name), definition(real, RECIPES, name)
    assert isinstance(ours, ast.ClassDef)
    assert isinstance(theirs, ast.ClassDef)
    assert fields(ours) == fields(theirs)
    asked = [each for each in methods(ours) if not each.startswith("_")]
    assert [] == [each for each in asked if each not in methods(theirs)]


@pytest.mark.parametrize("name", public(LAYERS))
def test_layers_and_contexts_have_the_signatures_of_the_real_ones(real: Source, name: str) -> None:
    ours, theirs = definition(FAKE, LAYERS, name), definition(real, LAYERS, name)
    if isinstance(ours, ast.FunctionDef):
        assert isinstance(theirs, ast.FunctionDef)
        assert parameters(ours) == parameters(theirs)
        return
    assert isinstance(theirs, ast.ClassDef)
    real_methods = _with_inherited(real, theirs)
    compared = {each: parameters(function) for each, function in methods(ours).items() if each in real_methods}
    assert compared == {each: parameters(real_methods[each]) for each in compared}
    assert "__init__" in compared


def _with_inherited(real: Source, kind: ast.ClassDef) -> Mapping[str, ast.FunctionDef]:
    """Return the methods of a class and of the base of all linear layers, which holds the state."""
    base = definition(real, f"{LAYERS}.module.base", "TransformerEngineBaseModule")
    assert isinstance(base, ast.ClassDef)
    inherits = any(isinstance(each, ast.Name) and each.id == base.name for each in kind.bases)
    return {**(methods(base) if inherits else {}), **methods(kind)}


def _calls() -> Iterator[Any]:
    """Yield the calls through which our door reaches the package: ``self._te.Linear(…)`` and the like."""
    tree = ast.parse(Path(library.__file__).read_text())
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func).startswith("self._te."):
            name = ast.unparse(node.func).removeprefix("self._te.")
            yield pytest.param(name, len(node.args), [each.arg for each in node.keywords], id=name)


@pytest.mark.parametrize(("name", "positional", "keywords"), tuple(_calls()))
def test_the_real_package_takes_our_calls(real: Source, name: str, positional: int, keywords: list[str]) -> None:
    found = definition(real, LAYERS, name)
    function = methods(found)["__init__"] if isinstance(found, ast.ClassDef) else found
    accepted = {each: kind for each, (kind, _) in parameters(function).items() if each != "self"}
    assert positional <= sum(kind == "positional" for kind in accepted.values())
    passed_on = "**" in accepted.values()
    assert [] == [each for each in keywords if each not in accepted and not passed_on]


def test_what_a_layer_norm_passes_on_is_taken(real: Source) -> None:
    found = definition(real, f"{LAYERS}.ops.basic.layer_norm", "LayerNorm")
    assert isinstance(found, ast.ClassDef)
    assert {"device", "dtype", "eps"} <= set(parameters(methods(found)["__init__"]))


def test_our_door_calls_something() -> None:
    assert {"Linear", "LayerNorm", "autocast", "fp8_autocast", "is_fp8_available"} == {each.id for each in _calls()}


@pytest.mark.parametrize("name", get_args(RecipeName))
def test_every_recipe_that_an_architecture_gets_is_real(real: Source, name: str) -> None:
    found = definition(real, RECIPES, name)
    assert isinstance(found, ast.ClassDef)
    assert "fp8_format" in fields(found)


def test_the_facts_about_hardware_are_those_of_the_real_package(real: Source) -> None:
    text = real.root.joinpath(PACKAGE, "pytorch", "quantization.py").read_text()
    facts = ["(9, 0)", "(8, 9)", "(10, 0)", "(12, 0)", "get_cublasLt_version() < 120103", "< 12.1", ">= 12.9"]
    assert [] == [each for each in facts if each not in text]


def test_shapes_are_those_that_the_real_package_takes(real: Source) -> None:
    found = definition(real, f"{LAYERS}.utils", "assert_dim_for_fp8_exec")
    assert "% 8 != 0 or tensor.shape[-1] % 16 != 0" in ast.unparse(found)
    assert "return 32" in ast.unparse(definition(real, f"{LAYERS}.quantization", "get_align_size_for_quantization"))
