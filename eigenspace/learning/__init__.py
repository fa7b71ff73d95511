"""What a spectrum predicts of learning: learning curves, times, thresholds and exponents."""

from .curves import LearningCurve, learning_curve

__all__ = ["LearningCurve", "learning_curve"]
