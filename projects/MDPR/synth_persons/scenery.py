"""What stands behind the people: one long wall and floor, or a park, per camera, seen through a window."""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

from synth_persons.paint import Box, Rgb, shade, tinted_grey
from synth_persons.park import draw_park
from synth_persons.spec import Stream, SynthPersonsSpec, stream

_WIDTHS = 10
"""Length of the panorama in image widths: two images of a camera seldom share their crop."""
_HEIGHTS = 1.3
"""Height of the panorama in image heights, room for vertical shifts and zoom."""
_IMAGE_HEIGHT = 256
"""Pixels of the panorama that a full image height covers, whatever the size of the images."""


def window(spec: SynthPersonsSpec, camera: int, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Cut a view (H, W, 3), 0 to 255, out of the camera's surroundings."""
    panorama = _panorama(spec, camera)
    high = panorama.height / rng.uniform(1.0, _HEIGHTS)
    wide = high * spec.width / spec.height
    left = rng.uniform(0, panorama.width - wide)
    top = rng.uniform(0, panorama.height - high)
    box = (left, top, left + wide, top + high)
    view = panorama.resize((spec.width, spec.height), Image.Resampling.BILINEAR, box)
    return np.asarray(view)


@lru_cache(maxsize=16)
def _panorama(spec: SynthPersonsSpec, camera: int) -> Image.Image:
    """Draw the surroundings of a camera."""
    rng = stream(spec.seed, Stream.SCENERY, camera)
    width = round(_WIDTHS * _IMAGE_HEIGHT * spec.width / spec.height)
    height = round(_HEIGHTS * _IMAGE_HEIGHT)
    image = Image.new("RGB", (width, height))
    draw_surroundings = _draw_street if spec.surroundings == "street" else draw_park
    draw_surroundings(ImageDraw.Draw(image), width, height, rng)
    pixels = np.asarray(image.filter(ImageFilter.GaussianBlur(0.6)), np.float32)
    grain = rng.normal(0, 9, size=(*pixels.shape[:2], 1))
    textured = (pixels + grain).clip(0, 255).astype(np.uint8)
    return Image.fromarray(textured)


def _draw_street(draw: ImageDraw.ImageDraw, width: int, height: int, rng: np.random.Generator) -> None:
    horizon = height * rng.uniform(0.55, 0.72)
    left = 0.0
    while left < width:
        right = left + horizon * rng.uniform(0.9, 2.2)
        _draw_wall(draw, (left, 0, right, horizon), rng)
        _draw_floor(draw, (left, horizon, right, height), rng)
        left = right
    _draw_things(draw, width, horizon, rng)


def _draw_wall(draw: ImageDraw.ImageDraw, box: Box, rng: np.random.Generator) -> None:
    """Draw bricks, panels, boards or plaster with a painted base."""
    left, top, right, bottom = box
    height = bottom - top
    colour = tinted_grey(rng, 90, 215, 24)
    draw.rectangle(box, fill=colour)
    joint = shade(colour, rng.uniform(0.75, 0.9))
    style = rng.integers(4)
    if style == 0:
        _draw_bricks(draw, box, colour, rng)
    elif style == 1:
        for x in np.arange(left, right, height * 0.35):
            draw.line((x, top, x, bottom), fill=joint, width=3)
        draw.line((left, top + 0.4 * height, right, top + 0.4 * height), fill=joint, width=3)
    elif style == 2:
        for y in np.arange(top, bottom, height * 0.07):
            draw.line((left, y, right, y), fill=joint, width=2)
    else:
        draw.rectangle((left, top + 0.66 * height, right, bottom), fill=tinted_grey(rng, 60, 200, 45))


def _draw_bricks(draw: ImageDraw.ImageDraw, box: Box, colour: Rgb, rng: np.random.Generator) -> None:
    left, top, right, bottom = box
    course = (bottom - top) / 16
    for row, y in enumerate(np.arange(top, bottom, course)):
        for x in np.arange(left - (row % 2) * course, right, 2 * course):
            fill = shade(colour, rng.uniform(0.78, 1.05))
            start, stop = max(x, left), min(x + 2 * course - 2, right)
            if stop > start:
                draw.rectangle((start, y, stop, min(y + course - 2, bottom)), fill=fill)


def _draw_floor(draw: ImageDraw.ImageDraw, box: Box, rng: np.random.Generator) -> None:
    """Draw a floor that brightens towards the camera, with slabs in perspective or a kerb."""
    left, top, right, bottom = box
    colour = tinted_grey(rng, 85, 190, 22)
    for y in np.arange(top, bottom):
        light = 0.82 + 0.3 * (y - top) / (bottom - top)
        draw.line((left, y, right, y), fill=shade(colour, light))
    joint = shade(colour, 0.72)
    if rng.random() < 0.7:
        for share in (0.08, 0.2, 0.4, 0.7):
            y = top + share * (bottom - top)
            draw.line((left, y, right, y), fill=joint, width=2)
        slant = rng.uniform(-1.2, 1.2)
        slide = slant * (bottom - top)
        for x in np.arange(left + max(0, -slide), right - max(0, slide), (bottom - top) * 0.6):
            draw.line((x, top, x + slide, bottom), fill=joint, width=2)
    else:
        kerb = top + 0.25 * (bottom - top)
        draw.rectangle((left, kerb, right, kerb + 8), fill=shade(colour, 1.25))
        draw.rectangle((left, kerb + 8, right, bottom), fill=shade(colour, 0.6))


def _draw_things(draw: ImageDraw.ImageDraw, width: int, horizon: float, rng: np.random.Generator) -> None:
    """Draw windows, doors and posters on the wall, and plants, bins and benches before it."""
    top, unit = 0.0, horizon
    x = rng.uniform(0, 0.4) * unit
    while x < width:
        wide = unit * rng.uniform(0.2, 0.55)
        vivid = tinted_grey(rng, 70, 190, 80)
        thing = rng.integers(6)
        if thing == 0:
            _draw_window(draw, (x, top + 0.18 * unit, x + wide, top + 0.62 * unit), rng)
        elif thing == 1:
            door = (x, top + 0.22 * unit, x + 0.36 * unit, horizon)
            draw.rectangle(door, fill=vivid, outline=shade(vivid, 0.6), width=5)
            draw.ellipse((x + 0.3 * unit, top + 0.62 * unit, x + 0.33 * unit, top + 0.65 * unit))
        elif thing == 2:
            poster = (x, top + 0.25 * unit, x + 0.7 * wide, top + 0.6 * unit)
            draw.rectangle(poster, fill=vivid, outline=(235, 235, 230), width=4)
            inner = (x + 0.1 * wide, top + 0.32 * unit, x + 0.5 * wide, top + 0.42 * unit)
            draw.rectangle(inner, fill=tinted_grey(rng, 60, 240, 60))
        elif thing == 3:
            _draw_plant(draw, (x, horizon - 0.45 * unit, x + wide, horizon + 0.12 * unit), rng)
        elif thing == 4:
            base = horizon + 0.1 * unit
            draw.rectangle((x, base - 0.3 * unit, x + 0.22 * unit, base), fill=vivid)
            draw.rectangle((x, base - 0.32 * unit, x + 0.22 * unit, base - 0.27 * unit), fill=40)
        else:
            seat = horizon - 0.05 * unit
            draw.rectangle((x, seat, x + 1.5 * wide, seat + 0.06 * unit), fill=vivid)
            for leg in (x + 0.1 * wide, x + 1.35 * wide):
                draw.rectangle((leg, seat, leg + 8, seat + 0.25 * unit), fill=shade(vivid, 0.5))
        x += wide + unit * rng.uniform(0.1, 0.5)


def _draw_window(draw: ImageDraw.ImageDraw, box: Box, rng: np.random.Generator) -> None:
    left, top, right, bottom = box
    frame = tinted_grey(rng, 60, 230, 15)
    glass = tinted_grey(rng, 50, 150, 15)
    draw.rectangle(box, fill=glass, outline=frame, width=6)
    draw.polygon(
        [(left + 8, bottom - 8), (left + 8, (top + bottom) / 2), ((left + right) / 2, top + 8)],
        fill=shade(glass, 1.3),
    )
    middle = (left + right) / 2
    draw.line((middle, top, middle, bottom), fill=frame, width=5)


def _draw_plant(draw: ImageDraw.ImageDraw, box: Box, rng: np.random.Generator) -> None:
    left, top, right, bottom = box
    wide, high = right - left, bottom - top
    pot = (left + 0.3 * wide, bottom - 0.25 * high, left + 0.7 * wide, bottom)
    draw.rectangle(pot, fill=tinted_grey(rng, 90, 150, 40))
    for _ in range(26):
        x, y = rng.uniform(left, right), rng.uniform(top, bottom - 0.2 * high)
        size = rng.uniform(0.06, 0.14) * high
        green = (int(rng.uniform(30, 90)), int(rng.uniform(90, 150)), int(rng.uniform(30, 70)))
        draw.ellipse((x - size, y - size, x + size, y + size), fill=green)
