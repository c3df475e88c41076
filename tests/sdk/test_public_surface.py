"""What `import autoprec` offers, and how little it costs."""

import subprocess
import sys

import pytest

import autoprec
from autoprec_probe.precision import BUILT_IN, known_precisions


def by_kind_and_name(name: str) -> tuple[bool, str]:
    return name[0].islower(), name


def heavy_after(code: str) -> str:
    program = (
        f"import sys\n{code}\nprint(sorted({{'torch', 'sqlalchemy', 'pydantic', 'rich', 'httpx'}} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return done.stdout.splitlines()[-1]


def test_all_names_are_sorted_and_exist() -> None:
    assert sorted(autoprec.__all__, key=by_kind_and_name) == autoprec.__all__
    assert [] == [name for name in autoprec.__all__ if not hasattr(autoprec, name)]


def test_every_public_name_has_a_home() -> None:
    assert sorted(autoprec._HOME) == sorted(autoprec.__all__)


def test_dir_lists_the_public_names_and_no_others() -> None:
    assert set(autoprec.__all__) == {name for name in dir(autoprec) if not name.startswith("__")}
    assert "__version__" in dir(autoprec)


def test_an_unknown_attribute_is_refused_with_what_there_is() -> None:
    with pytest.raises(AttributeError, match=r"'autoprec' has no attribute 'sugest'.*suggest"):
        _ = autoprec.sugest


def test_the_version_is_that_of_the_distribution() -> None:
    assert __import__("importlib.metadata", fromlist=["version"]).version("autoprec") == autoprec.__version__


def test_importing_loads_nothing_heavy() -> None:
    assert "[]" == heavy_after("import autoprec; dir(autoprec); autoprec.__version__")


def test_help_and_version_load_nothing_heavy() -> None:
    code = "from autoprec.cli import main\nassert main(['--help']) == main(['--version']) == 0"
    assert "[]" == heavy_after(code)


@pytest.mark.parametrize("name", ["probe", "precisions"])
def test_a_look_at_the_machine_loads_neither_torch_nor_the_store(name: str) -> None:
    loaded = heavy_after(f"from autoprec.cli import main\nassert main(['{name}', '--json']) == 0")
    asks_a_plugin = name == "precisions" and known_precisions() != BUILT_IN  # a third party's class answers for itself
    assert (asks_a_plugin, False) == ("torch" in loaded, "sqlalchemy" in loaded)


def test_asking_about_a_factory_loads_neither_torch_nor_http_into_this_process() -> None:
    loaded = heavy_after("import autoprec; autoprec.suggest, autoprec.Recommendation")
    assert (False, False) == ("torch" in loaded, "httpx" in loaded)


def test_a_client_loads_no_torch() -> None:
    assert "torch" not in heavy_after("import autoprec; autoprec.Client, autoprec.AsyncClient")
