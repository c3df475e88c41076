"""Errors of the runner.

RunnerError
├── PrecisionError      a precision, plugin or option that cannot be honoured as asked
│   ├── MissingPackageError   the package that a precision needs is not installed; also a ModuleNotFoundError
│   └── IncompatibleError     an optimizer, a model or a moment that a precision cannot work with
├── WorkloadError       the user's model, batch, loss or factory does not make a step
├── TrialError          a child process did not do what its parent asked
├── StudyError          a study that cannot be planned as asked
├── RuleError           a rule of the doctor that is not known, or cannot be registered
└── PredictionError     too little is known of a machine to predict anything for it
"""


class RunnerError(Exception):
    """Root of every error that the runner raises."""


class PrecisionError(RunnerError, ValueError):
    """A precision, plugin or option that cannot be honoured as asked; nothing is ever replaced silently."""


class MissingPackageError(PrecisionError, ModuleNotFoundError):
    """The package that a precision needs is not installed; the message has the command that installs it."""


class IncompatibleError(PrecisionError, TypeError, RuntimeError):
    """An optimizer, a model or a moment that a precision cannot work with: a closure under a gradient scaler, say.

    It is the TypeError or RuntimeError, too, that torch and Lightning Fabric raise in its place.
    """


class WorkloadError(RunnerError, ValueError):
    """The user's model, batch, loss or factory does not make a step; the message says what would."""


class TrialError(RunnerError):
    """A child process did not do what its parent asked."""


class StudyError(RunnerError, ValueError):
    """A study that cannot be planned as asked."""


class RuleError(RunnerError, ValueError):
    """A rule of the doctor that is not known, or cannot be registered."""


class PredictionError(RunnerError, ValueError):
    """Too little is known of a machine to predict anything for it; the message says what is missing."""
