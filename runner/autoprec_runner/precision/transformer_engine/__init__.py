"""FP8 products through NVIDIA's Transformer Engine, and their numbers where it cannot run."""

from autoprec_runner.precision.transformer_engine.coverage import Coverage, Skipped
from autoprec_runner.precision.transformer_engine.plugin import TransformerEnginePrecision

__all__ = ["Coverage", "Skipped", "TransformerEnginePrecision"]
