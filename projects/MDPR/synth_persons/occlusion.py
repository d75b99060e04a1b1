"""Things between the camera and the person: a pole, a board, a hedge, somebody else."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from synth_persons.appearance import random_appearance
from synth_persons.canvas import Canvas, View
from synth_persons.draw import draw_person
from synth_persons.pose import random_pose
from synth_persons.spec import SynthPersonsSpec


def random_occluder(spec: SynthPersonsSpec, view: View, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Return RGBA pixels on the supersampled canvas, transparent where nothing hides the person.

    Args:
        spec: Size of the image and supersampling.
        view: How the hidden person is seen; somebody else walks about as they do.
        rng: Decides on the thing and its place.
    """
    height, width = spec.canvas_size
    if rng.random() < 0.35:
        return _somebody_else(spec, view, rng)
    image = Image.new("RGBA", (width, height))
    draw = ImageDraw.Draw(image)
    red, green, blue = (int(value) for value in rng.uniform(35, 175) + rng.uniform(-30, 30, 3))
    dark, bright = (red, green, blue, 255), (red + 25, green + 25, blue + 25, 255)
    kind = rng.integers(3)
    if kind == 0:
        x, thick = width * rng.uniform(0.15, 0.85), width * rng.uniform(0.08, 0.17)
        draw.rectangle((x - thick / 2, 0, x + thick / 2, height), fill=dark)
        draw.rectangle((x - thick / 4, 0, x, height), fill=bright)
    elif kind == 1:
        top = height * rng.uniform(0.62, 0.85)
        left, right = sorted(width * rng.uniform(-0.3, 1.3, size=2))
        draw.rectangle((left, top, max(right, left + 0.5 * width), height), fill=dark)
        draw.rectangle((left, top, max(right, left + 0.5 * width), top + 6), fill=bright)
    else:
        _draw_hedge(draw, width, height, rng)
    return np.asarray(image)


def _draw_hedge(draw: ImageDraw.ImageDraw, width: int, height: int, rng: np.random.Generator) -> None:
    top = height * rng.uniform(0.68, 0.85)
    draw.rectangle((0, top + 0.04 * height, width, height), fill=(40, 75, 38, 255))
    for _ in range(60):
        x, y = rng.uniform(0, width), rng.uniform(top, height)
        size = rng.uniform(0.015, 0.04) * height
        leaf = (int(rng.uniform(30, 80)), int(rng.uniform(80, 140)), int(rng.uniform(30, 60)), 255)
        draw.ellipse((x - size, y - size, x + size, y + size), fill=leaf)


def _somebody_else(spec: SynthPersonsSpec, view: View, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Draw another passer-by, nearer to the camera and to one side."""
    height, width = spec.canvas_size
    side = 1 if rng.random() < 0.5 else -1
    sideways = side * width * rng.uniform(0.36, 0.55)
    nearer = replace(
        view,
        yaw=float(rng.uniform(0, 2 * np.pi)),
        pixels_per_metre=view.pixels_per_metre * float(rng.uniform(1.02, 1.15)),
        foot=(view.foot[0] + sideways, view.foot[1] + 0.04 * height),
    )
    canvas = Canvas(height, width, nearer)
    draw_person(canvas, random_appearance(spec, rng), random_pose(rng))
    return canvas.finish()
