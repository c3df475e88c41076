"""The command line: each command is a file; results go to stdout, progress and errors to stderr."""

from autoprec.cli.main import main

__all__ = ["main"]
