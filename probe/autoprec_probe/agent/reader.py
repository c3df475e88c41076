"""How the agent reads its machine: as the probe does, only never twice at the cost of seconds."""

from typing import ClassVar

from autoprec_probe.errors import ReaderError
from autoprec_probe.reader import HostReader


class AgentReader(HostReader):
    """A reader of this machine that runs a script in a child process once in the life of the agent.

    Such scripts load torch, which takes a core for seconds; every few minutes, that would be the agent's whole share.
    """

    _told: ClassVar[dict[str, str | ReaderError | None]] = {}

    def python(self, script: str) -> str | None:
        """Return what a script printed when it was first run, or None."""
        if script not in self._told:
            try:
                self._told[script] = super().python(script)
            except ReaderError as error:
                self._told[script] = error
        told = self._told[script]
        if isinstance(told, ReaderError):
            raise told
        return told
