"""Arrays to matplotlib axes; the only package that imports matplotlib, and only when a plot is asked for."""

from .risks import learning_plot, measured_plot
from .scenes import Dots, Edge, Image, Mark, Scene, scene_plot
from .spectra import spectrum_plot

__all__ = ["Dots", "Edge", "Image", "Mark", "Scene", "learning_plot", "measured_plot", "scene_plot", "spectrum_plot"]
