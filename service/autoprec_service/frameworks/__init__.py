"""A candidate in the words of other frameworks, as JSON: dtypes are torch's names without their prefix.

Every function returns keyword arguments, or a config, for the framework's own constructor. Where a framework cannot
express what was measured, that is an `ExportError` with the way out: nothing close to it is ever put in its place.
"""

from autoprec_service.frameworks.arguments import FrameworkArguments, framework_arguments
from autoprec_service.frameworks.deepspeed import deepspeed
from autoprec_service.frameworks.fsdp import fsdp
from autoprec_service.frameworks.hugging_face import accelerate, transformers
from autoprec_service.frameworks.lightning import fabric, trainer
from autoprec_service.frameworks.plain import torch

__all__ = [
    "FrameworkArguments",
    "accelerate",
    "deepspeed",
    "fabric",
    "framework_arguments",
    "fsdp",
    "torch",
    "trainer",
    "transformers",
]
