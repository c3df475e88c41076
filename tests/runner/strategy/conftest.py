import os
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from platformdirs import user_cache_dir

HERE = Path(__file__).parent
sys.path.append(str(HERE))  # the models are shared with scripts that run in processes of their own
COMPILED = Path(user_cache_dir("autoprec")) / "torch_extensions"
Launch = Callable[..., Any]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.fixture(scope="session")
def launch(tmp_path_factory: pytest.TempPathFactory) -> Launch:
    """Run a script of this folder in several processes that find each other; return what process 0 saved."""

    def start(script: str, *arguments: str, processes: int = 2, timeout: float = 240) -> Any:
        folder = tmp_path_factory.mktemp("ranks")
        result = folder / "result.pt"
        surroundings = {
            **os.environ,
            "WORLD_SIZE": str(processes),
            "MASTER_ADDR": "127.0.0.1",
            "MASTER_PORT": str(free_port()),
            "OMP_NUM_THREADS": "1",
            # What DeepSpeed compiles at its first start in about a minute is kept for the next run.
            "TORCH_EXTENSIONS_DIR": os.environ.get("TORCH_EXTENSIONS_DIR", str(COMPILED)),
            "PYTHONPATH": str(HERE),
        }
        logs = [folder / f"{rank}.log" for rank in range(processes)]
        started = []
        for rank, log in enumerate(logs):
            with log.open("wb") as output:
                started.append(
                    subprocess.Popen(
                        [sys.executable, str(HERE / script), str(result), *arguments],
                        env={**surroundings, "RANK": str(rank), "LOCAL_RANK": str(rank)},
                        cwd=folder,
                        stdout=output,
                        stderr=subprocess.STDOUT,
                    ),
                )
        try:
            codes = [process.wait(timeout) for process in started]
        finally:
            for process in started:
                process.kill()
                process.wait()
        assert [0] * processes == codes, "\n\n".join(log.read_text(errors="replace")[-4000:] for log in logs)
        return torch.load(result, weights_only=False)

    return start
