"""Surroundings that no street has: sky, trees, water, lawn, a sandy path, fences and parked cars."""

from dataclasses import dataclass

import numpy as np
from PIL import ImageDraw

from synth_persons.paint import Rgb, shade, tinted_grey


@dataclass(frozen=True)
class _Park:
    """What is painted on: `width` x `height` pixels, the lawn beginning at row `horizon`."""

    draw: ImageDraw.ImageDraw
    width: int
    height: int
    horizon: float
    rng: np.random.Generator

    def mixed(self, first: Rgb, second: Rgb) -> Rgb:
        share = self.rng.random()
        red, green, blue = (int(a + share * (b - a)) for a, b in zip(first, second, strict=True))
        return red, green, blue

    def across(self, low: float, high: float) -> float:
        """Return a random length of `low` to `high` image heights, in pixels."""
        return self.height * self.rng.uniform(low, high)


def draw_park(draw: ImageDraw.ImageDraw, width: int, height: int, rng: np.random.Generator) -> None:
    """Paint the whole panorama of `width` x `height` pixels."""
    park = _Park(draw, width, height, height * rng.uniform(0.32, 0.48), rng)
    horizon = park.horizon
    sky = park.mixed((135, 180, 228), (205, 215, 228))
    lawn = park.mixed((88, 138, 52), (164, 150, 84))
    for y in range(height):
        share = y / horizon if y < horizon else (y - horizon) / (height - horizon)
        colour = shade(sky, 0.9 + 0.2 * share) if y < horizon else shade(lawn, 0.8 + 0.35 * share)
        draw.line((0, y, width, y), fill=colour)
    _draw_foliage(park, (0, 0.3 * horizon, width, horizon), 0.07 * height, 900)
    if rng.random() < 0.5:  # a pond behind the lawn
        shore = horizon + park.across(0.06, 0.14)
        draw.rectangle((0, horizon, width, shore), fill=park.mixed((70, 118, 160), (120, 160, 170)))
    _draw_path(park)
    _draw_blades(park, lawn)
    x = park.across(0, 0.2)
    while x < width:
        (_draw_tree, _draw_fence, _draw_car)[int(rng.integers(3))](park, x)
        x += park.across(0.25, 0.8)


def _draw_foliage(park: _Park, box: tuple[float, float, float, float], radius: float, leaves: int) -> None:
    """Fill `box` with `leaves` of at most `radius` pixels."""
    left, top, right, bottom = box
    for _ in range(leaves):
        x, y = park.rng.uniform(left, right), park.rng.uniform(top, bottom)
        size = radius * park.rng.uniform(0.4, 1.0)
        leaf = shade(park.mixed((30, 72, 32), (104, 136, 50)), park.rng.uniform(0.7, 1.15))
        park.draw.ellipse((x - size, y - size, x + size, y + size), fill=leaf)


def _draw_path(park: _Park) -> None:
    sand = park.mixed((196, 172, 128), (168, 148, 120))
    top = park.horizon + (park.height - park.horizon) * park.rng.uniform(0.35, 0.6)
    x = np.linspace(0, park.width, 40)
    wave = np.sin(x / park.height * park.rng.uniform(0.8, 1.6) + park.rng.uniform(0, 6))
    edge = [(float(a), float(top + 0.03 * park.height * b)) for a, b in zip(x, wave, strict=True)]
    thick = park.across(0.14, 0.3)
    park.draw.polygon([*edge, *((a, b + thick) for a, b in reversed(edge))], fill=sand)


def _draw_blades(park: _Park, lawn: Rgb) -> None:
    rng, deep = park.rng, park.height - park.horizon
    for _ in range(park.width):
        x, below = rng.uniform(0, park.width), deep * rng.random() ** 0.7
        y = park.horizon + below
        blade = (x, y, x + rng.uniform(-2, 2), y - 0.045 * below)
        park.draw.line(blade, fill=shade(lawn, rng.uniform(0.6, 1.3)), width=2)


def _draw_tree(park: _Park, x: float) -> None:
    thick = park.across(0.05, 0.11)
    foot = park.horizon + park.across(0.08, 0.3)
    bark = park.mixed((92, 70, 52), (178, 170, 158))
    park.draw.rectangle((x, 0, x + thick, foot), fill=bark)
    for y in np.arange(0, foot, 0.03 * park.height):
        start = x + park.rng.uniform(0, 0.6) * thick
        park.draw.line((start, y, start + 0.3 * thick, y + 4), fill=shade(bark, 0.6), width=3)
    middle, reach = x + thick / 2, park.across(0.2, 0.4)
    crown = (middle - reach, 0, middle + reach, 0.25 * park.height)
    _draw_foliage(park, crown, 0.05 * park.height, 90)


def _draw_fence(park: _Park, x: float) -> None:
    wood = park.mixed((120, 88, 58), (228, 226, 218))
    top = park.horizon + park.across(0.02, 0.12)
    high, wide = park.across(0.16, 0.24), park.across(0.4, 0.9)
    for rail in (0.2, 0.65):
        plank = (x, top + rail * high, x + wide, top + (rail + 0.12) * high)
        park.draw.rectangle(plank, fill=shade(wood, 0.85))
    for post in np.arange(x, x + wide, 0.09 * park.height):
        park.draw.rectangle((post, top, post + 0.02 * park.height, top + high), fill=wood)


def _draw_car(park: _Park, x: float) -> None:
    paint = tinted_grey(park.rng, 60, 200, 70)
    wide, high = park.across(0.55, 0.75), park.across(0.1, 0.13)
    top = park.horizon + park.across(0.0, 0.1)
    roof = (x + 0.22 * wide, top, x + 0.78 * wide, top + high)
    park.draw.rounded_rectangle(roof, radius=0.4 * high, fill=shade(paint, 0.9))
    glass = (roof[0] + 0.06 * wide, top + 0.2 * high, roof[2] - 0.06 * wide, top + 0.9 * high)
    park.draw.rectangle(glass, fill=(60, 72, 84))
    body = (x, top + 0.8 * high, x + wide, top + 2 * high)
    park.draw.rounded_rectangle(body, radius=0.3 * high, fill=paint)
    for wheel in (x + 0.2 * wide, x + 0.8 * wide):
        size, y = 0.42 * high, top + 2 * high
        park.draw.ellipse((wheel - size, y - size, wheel + size, y + size), fill=(28, 28, 30))
