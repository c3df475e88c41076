"""The end of processes, as a power cut would bring it."""

from contextlib import suppress

import psutil

_PATIENCE_SECONDS = 60.0


def kill_with_children(pid: int) -> None:
    """End a process and all that it has started; no handler runs."""
    family = psutil.Process(pid)
    processes = [family, *family.children(recursive=True)]
    for each in processes:
        with suppress(psutil.NoSuchProcess):
            each.kill()
    psutil.wait_procs(processes, timeout=_PATIENCE_SECONDS)
