"""What a person happens to carry in one image: it hides clothes, and says nothing about who it is."""

from collections.abc import Callable

import numpy as np

from synth_persons import textures
from synth_persons.canvas import Canvas, Point, Texture
from synth_persons.pose import Skeleton, offset

Drawing = Callable[[Canvas, float, Skeleton, Texture], None]


def draw_carried(canvas: Canvas, tall: float, bones: Skeleton, rng: np.random.Generator) -> None:
    """Draw one large thing, of any colour, on a person of `tall` metres who is on `canvas` already."""
    things = (_parcel, _rucksack, _shopping_bags, _sports_bag, _suitcase)
    red, green, blue = (float(value) for value in rng.uniform(0.08, 0.92, size=3))
    colour = textures.plain((red, green, blue))
    things[int(rng.integers(len(things)))](canvas, tall, bones, colour)


def _box(canvas: Canvas, top: Point, size: tuple[float, float, float], colour: Texture) -> None:
    """Draw an upright box of `size` (width, height, depth) in metres, `top` the middle of its upper side."""
    wide, high, deep = size
    canvas.tube((top, top - offset(0, high, 0)), [(0, wide / 2, deep / 2)] * 2, colour, rounded=False)


def _parcel(canvas: Canvas, tall: float, bones: Skeleton, colour: Texture) -> None:
    top = bones.pelvis + offset(0, 0.22 * tall, 0.15 * tall)
    _box(canvas, top, (0.27 * tall, 0.21 * tall, 0.15 * tall), colour)


def _rucksack(canvas: Canvas, tall: float, bones: Skeleton, colour: Texture) -> None:
    top = bones.neck + offset(0, 0.05 * tall, -0.13 * tall)
    _box(canvas, top, (0.25 * tall, 0.40 * tall, 0.18 * tall), colour)


def _shopping_bags(canvas: Canvas, tall: float, bones: Skeleton, colour: Texture) -> None:
    for arm in bones.arms:
        _box(canvas, arm.tip - offset(0, 0.03 * tall, 0), (0.12 * tall, 0.22 * tall, 0.22 * tall), colour)


def _sports_bag(canvas: Canvas, tall: float, bones: Skeleton, colour: Texture) -> None:
    top = bones.pelvis + offset(-0.15 * tall, 0.10 * tall, 0)
    _box(canvas, top, (0.13 * tall, 0.17 * tall, 0.34 * tall), colour)


def _suitcase(canvas: Canvas, tall: float, bones: Skeleton, colour: Texture) -> None:
    top = offset(0.16 * tall, 0.42 * tall, -0.08 * tall)
    _box(canvas, top, (0.16 * tall, 0.40 * tall, 0.26 * tall), colour)
