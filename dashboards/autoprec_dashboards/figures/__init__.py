"""Figures as plotly takes them, from values of the other parts: pure functions that import no plotly.

A figure is a mapping with `data` and `layout`. The web pages send it as JSON, notebooks make a `plotly` Figure of it.
Colours of paper, text and grid are left to whoever shows it, on a light or on a dark page.
"""

from autoprec_dashboards.figures.calibration import calibration
from autoprec_dashboards.figures.figure import Figure
from autoprec_dashboards.figures.loss_scale import loss_scales
from autoprec_dashboards.figures.losses import losses
from autoprec_dashboards.figures.memory_parts import memory_parts
from autoprec_dashboards.figures.step_parts import step_parts
from autoprec_dashboards.figures.step_times import step_times
from autoprec_dashboards.figures.tradeoff import Point, tradeoff

__all__ = [
    "Figure",
    "Point",
    "calibration",
    "loss_scales",
    "losses",
    "memory_parts",
    "step_parts",
    "step_times",
    "tradeoff",
]
