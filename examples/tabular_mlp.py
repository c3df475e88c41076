"""A multilayer perceptron that predicts the progress of diabetes from ten measurements of a patient."""

import numpy as np
from sklearn.datasets import load_diabetes
from torch import nn

from autoprec_runner.workload import Workload


def workload() -> Workload:
    """Return the regression; the loss (mean squared error) and the optimizer (AdamW) are left to be inferred."""
    measurements, progress = load_diabetes(return_X_y=True)
    features = (measurements / measurements.std(axis=0)).astype(np.float32)
    target = ((progress - progress.mean()) / progress.std()).astype(np.float32)[:, None]
    model = nn.Sequential(
        nn.Linear(10, 512),
        nn.GELU(),
        nn.Linear(512, 512),
        nn.GELU(),
        nn.Linear(512, 512),
        nn.GELU(),
        nn.Linear(512, 1),
    )
    order = np.random.default_rng(0).permutation(len(features))
    batches = [(features[rows], target[rows]) for rows in np.array_split(order, 4)]
    return Workload(model=model, batch=batches, name="tabular MLP")
