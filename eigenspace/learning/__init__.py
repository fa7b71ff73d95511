"""What a spectrum predicts of learning: learning curves, times, thresholds and exponents."""

from .curves import LearningCurve, learning_curve
from .flows import GradientFlow, gradient_flow

__all__ = ["GradientFlow", "LearningCurve", "gradient_flow", "learning_curve"]
