"""What a spectrum predicts of learning: learning curves, times, thresholds and exponents."""

from .critical import CriticalCurve, critical_curve
from .curves import LearningCurve, learning_curve
from .flows import GradientFlow, gradient_flow
from .power_laws import Exponent, Fit, exponents
from .staircases import Staircase, Step, learn, staircase

__all__ = [
    "CriticalCurve", "Exponent", "Fit", "GradientFlow", "LearningCurve", "Staircase", "Step", "critical_curve",
    "exponents", "gradient_flow", "learn", "learning_curve", "staircase",
]  # fmt: skip
