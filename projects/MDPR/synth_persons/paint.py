"""Colours and boxes of what is painted behind the people."""

import numpy as np

Rgb = tuple[int, int, int]
Box = tuple[float, float, float, float]
"""Left, top, right, bottom, in pixels."""


def tinted_grey(rng: np.random.Generator, low: int, high: int, spread: int) -> Rgb:
    """Return a grey between `low` and `high`, tinted by up to `spread` a channel."""
    rgb = rng.uniform(low, high) + rng.uniform(-spread, spread, size=3)
    red, green, blue = rgb.clip(0, 255).astype(int)
    return int(red), int(green), int(blue)


def shade(colour: Rgb, factor: float) -> Rgb:
    """Return `colour` darkened (`factor` below 1) or brightened."""
    red, green, blue = (int(min(255, channel * factor)) for channel in colour)
    return red, green, blue
