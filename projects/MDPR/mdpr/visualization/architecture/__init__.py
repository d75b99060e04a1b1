"""The architecture of the method as one picture, its numbers taken from a config."""

from mdpr.visualization.architecture.numbers import ArchitectureNumbers
from mdpr.visualization.architecture.picture import draw_architecture

__all__ = ["ArchitectureNumbers", "draw_architecture"]
