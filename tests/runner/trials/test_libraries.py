import os
import sys
from collections.abc import Iterator
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType

import pytest

from autoprec_runner.isolation.forkserver import ForkServer
from autoprec_runner.trials.libraries import Imports, Libraries
from autoprec_runner.trials.rehearsal import Rehearsal, rehearse

GIB = 2**30
PLENTY_SECONDS = 60
INSTALLED = Path("lib", f"python{sys.version_info.major}.{sys.version_info.minor}", "site-packages")
"""Where a user's own packages are below PYTHONUSERBASE."""
SOURCES = {
    "lib_harmless": "value = 1",
    "lib_thread": "import threading\nthreading.Thread(target=threading.Event().wait, daemon=True).start()",
    "lib_process": "import subprocess\nprocess = subprocess.Popen(['sleep', '600'])",
    "lib_driver": "import os\ndevice = os.open('/dev/ptmx', os.O_RDWR)",
    "lib_environment": "import os\nos.environ['LIB_MODE'] = 'set'",
    "lib_dtype": "import torch\ntorch.set_default_dtype(torch.float64)",
    "lib_fails": "raise RuntimeError('not like this')",
    "lib_exits": "import os\nos._exit(0)",
    "lib_hangs": "import time\ntime.sleep(600)",
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ForkServer]:
    base = tmp_path_factory.mktemp("base")
    (base / INSTALLED).mkdir(parents=True)
    (base / "own").mkdir()
    (base / "own" / "shadowed.py").touch()
    for name, source in SOURCES.items():
        (base / INSTALLED / f"{name}.py").write_text(source, encoding="ascii")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONUSERBASE", str(base))
        patch.setenv("PYTHONPATH", os.pathsep.join([str(base / INSTALLED), str(base / "own")]))
        forkserver = ForkServer()
    yield forkserver
    forkserver.close()


def rehearsed(server: ForkServer, name: str, *, timeout_seconds: float = PLENTY_SECONDS) -> Rehearsal | None:
    return rehearse(
        server,
        Libraries(modules=(name,)),
        temporary=str(server.folder / "study"),
        memory_limit_bytes=GIB,
        timeout_seconds=timeout_seconds,
    )


@pytest.mark.parametrize(
    ("name", "obstacles"),
    [
        ("lib_harmless", ()),
        ("lib_fails", ()),
        ("scipy.linalg", ()),  # whose OpenBLAS gives up its threads at a fork
        ("lib_thread", ("threads: 1",)),
        ("lib_process", ("processes: 1",)),
        ("lib_driver", ("driver: /dev/ptmx",)),
        ("lib_environment", ("environment that differs",)),
        ("lib_dtype", ("torch's global state changed",)),
        ("shadowed", ("modules from elsewhere: shadowed",)),
    ],
)
def test_what_no_fork_survives_is_found_before_the_server_imports_it(
    server: ForkServer, name: str, obstacles: tuple[str, ...]
) -> None:
    rehearsal = rehearsed(server, name)
    assert rehearsal
    assert obstacles == rehearsal.obstacles
    assert rehearsal.seconds > 0


def test_an_import_that_ends_the_process_or_takes_too_long_is_not_for_the_server(server: ForkServer) -> None:
    assert rehearsed(server, "lib_exits") is None
    assert rehearsed(server, "lib_hangs", timeout_seconds=0.5) is None


def module(name: str, origin: str | None) -> ModuleType:
    made = ModuleType(name)
    made.__spec__ = ModuleSpec(name, None, origin=origin)
    return made


def test_libraries_are_what_is_installed_not_the_users_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("REMOVED", "before")
    monkeypatch.setenv("KEPT", "as it is")
    imports = Imports()
    installed = str(Path(pytest.__file__).parent / "made_up.py")
    for name, origin in (("theirs", installed), ("ours", str(tmp_path / "ours.py")), ("generated", None)):
        monkeypatch.setitem(sys.modules, name, module(name, origin))
    monkeypatch.setenv("ADDED", "now")
    monkeypatch.delenv("REMOVED")
    assert Libraries(modules=("theirs",), environment={"ADDED": "now", "REMOVED": None}) == imports.libraries
