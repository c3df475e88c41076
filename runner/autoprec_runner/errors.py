"""Errors of the runner.

RunnerError
├── PrecisionError      a precision, plugin or option that cannot be honoured as asked
│   └── MissingPackageError   the package that a precision needs is not installed; also a ModuleNotFoundError
├── WorkloadError       the user's model, batch, loss or factory does not make a step
├── TrialError          a child process did not do what its parent asked
├── StudyError          a study that cannot be planned as asked
└── RuleError           a rule of the doctor that is not known, or cannot be registered
"""


class RunnerError(Exception):
    """Root of every error that the runner raises."""


class PrecisionError(RunnerError, ValueError):
    """A precision, plugin or option that cannot be honoured as asked; nothing is ever replaced silently."""


class MissingPackageError(PrecisionError, ModuleNotFoundError):
    """The package that a precision needs is not installed; the message has the command that installs it."""


class WorkloadError(RunnerError, ValueError):
    """The user's model, batch, loss or factory does not make a step; the message says what would."""


class TrialError(RunnerError):
    """A child process did not do what its parent asked."""


class StudyError(RunnerError, ValueError):
    """A study that cannot be planned as asked."""


class RuleError(RunnerError, ValueError):
    """A rule of the doctor that is not known, or cannot be registered."""
