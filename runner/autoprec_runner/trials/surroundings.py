"""Where a workload runs in a child: the import path and folder of the parent, and folders that the parent removes."""

import os
import sys
import tempfile
from pathlib import Path
from typing import Any


def enter_surroundings(arguments: dict[str, Any]) -> None:
    """Give the workload the import path and folder of the parent, and a temporary folder that the parent removes."""
    sys.path[:] = arguments["sys_path"]
    sys.dont_write_bytecode = True  # nothing is left beside the user's files
    os.chdir(arguments["folder"])
    use_temporary_folder(arguments["temporary"])


def use_temporary_folder(path: str) -> None:
    """Let temporary files be made in a folder that the parent removes."""
    os.environ["TMPDIR"] = path
    tempfile.tempdir = None
    Path(path).mkdir(parents=True, exist_ok=True)


def compile_here(folder: str) -> None:
    """Let TorchInductor keep what it compiles in a folder that the parent removes, and compile in this process."""
    from torch._inductor import config  # noqa: PLC0415 (takes seconds, and few candidates need it)

    os.environ["TORCHINDUCTOR_CACHE_DIR"] = str(Path(folder) / "compiled")
    config.compile_threads = 1
