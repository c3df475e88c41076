"""The rules, by what they are about; each module registers its own as it is imported."""

from autoprec_runner.doctor.rules import dtypes, fp8, gains, growth, half, numerics, optimizers

__all__ = ["dtypes", "fp8", "gains", "growth", "half", "numerics", "optimizers"]
