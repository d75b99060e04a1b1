"""A drawn street: people of SynthPersons walk to and fro, cross, pass behind pillars. All is known of it."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from synth_persons import scenery
from synth_persons.appearance import appearance_of
from synth_persons.canvas import Canvas, View
from synth_persons.draw import draw_person
from synth_persons.pose import Pose
from synth_persons.spec import SynthPersonsSpec

HEIGHT, WIDTH = 240, 480
PILLARS: Final = (0.3, 0.68)  # their middles, as a share of the width
PILLAR_WIDTH: Final = 52  # pixels, more than a person's
PILLAR: Final = 255  # in place of a person's number
SUPERSAMPLING: Final = 2


@dataclass(frozen=True)
class Frame:
    """One moment. Boxes are corners x1, y1, x2, y2 in pixels.

    Attributes:
        image: (HEIGHT, WIDTH, 3), BGR.
        people: who is seen, a quarter at least, numbers from 0 (G,).
        boxes: all of them, hidden parts too (G, 4).
        detections: what a detector finds (N, 4): most of the people who are half seen, not quite in place.
    """

    image: NDArray[np.uint8]
    people: NDArray[np.int64]
    boxes: NDArray[np.float32]
    detections: NDArray[np.float32]


@dataclass(frozen=True)
class Walk:
    """The way of one person: to and fro about the middle, in pixels, frames and radians."""

    reach: float
    period: float
    start: float
    foot: float  # row of the image
    scale: float  # pixels a metre

    def place(self, time: int) -> tuple[float, float]:
        """Column of the feet, and the speed as a share of the highest, negative to the left."""
        angle = self.start + 2 * math.pi * time / self.period
        return WIDTH / 2 + self.reach * math.sin(angle), math.cos(angle)


def draw_sequence(people: int, frames: int, seed: int = 0) -> Iterator[Frame]:
    """Frames of a street.

    Args:
        people: how many; people whom no training has seen.
        frames: how many.
        seed: of the ways, the street, and the detector's errors.
    """
    spec = SynthPersonsSpec(height=HEIGHT, width=WIDTH)
    rng = np.random.default_rng(seed)
    first = spec.train_identities + 1 + seed * people
    street = Image.fromarray(scenery.window(spec, 1 + seed % spec.cameras, rng))
    walks = [_random_walk(rng) for _ in range(people)]
    for time in range(frames):
        image, owners = street.copy(), Image.new("L", street.size, PILLAR - 1)
        sizes, boxes = np.zeros(people), np.zeros((people, 4), np.float32)
        for number in np.argsort([walk.foot for walk in walks]):  # the far ones first
            sprite, corner = _sprite(spec, first + int(number), walks[number], time)
            solid = sprite.getchannel("A").point(lambda alpha: 255 * (alpha > 127))
            image.paste(sprite, corner, sprite)
            owners.paste(int(number), corner, solid)
            sizes[number] = np.count_nonzero(np.asarray(solid))
            boxes[number] = np.add(solid.getbbox() or (0, 0, 0, 0), (*corner, *corner))
        _draw_pillars(image, owners)
        shares = np.bincount(np.asarray(owners).ravel(), minlength=people)[:people] / sizes
        seen, found = shares > 0.25, (shares > 0.5) & (rng.random(people) > 0.08)
        extent = np.tile(boxes[:, 2:] - boxes[:, :2], 2)
        detections = boxes + rng.normal(0, 0.03, boxes.shape) * extent
        bgr = np.ascontiguousarray(np.asarray(image)[..., ::-1])
        yield Frame(bgr, np.flatnonzero(seen), boxes[seen], detections[found].astype(np.float32))


def _random_walk(rng: np.random.Generator) -> Walk:
    depth = rng.uniform()
    return Walk(
        reach=WIDTH * rng.uniform(0.25, 0.42),
        period=rng.uniform(90, 180),
        start=rng.uniform(0, 2 * math.pi),
        foot=HEIGHT * (0.82 + 0.12 * depth),
        scale=56 + 8 * depth,
    )


def _sprite(
    spec: SynthPersonsSpec, identity: int, walk: Walk, time: int
) -> tuple[Image.Image, tuple[int, int]]:
    """A person, RGBA, and the pixel of the frame where the upper left corner goes."""
    column, speed = walk.place(time)
    height, width = round(2.1 * walk.scale), round(1.4 * walk.scale)
    scale = SUPERSAMPLING * walk.scale
    foot = (SUPERSAMPLING * width / 2, SUPERSAMPLING * (height - 0.1 * walk.scale))
    yaw = math.pi / 2 * float(np.clip(3 * speed, -1, 1))  # sideways, but for the turn
    canvas = Canvas(SUPERSAMPLING * height, SUPERSAMPLING * width, View(yaw, 0.12, scale, foot))
    steps = 2 * math.pi * column / (1.4 * walk.scale)  # 1.4 metres for two steps
    pose = Pose(steps % (2 * math.pi), 0.4 * abs(speed) + 0.05, 0.35 * abs(speed), (0.3, 0.3), 0.0)
    draw_person(canvas, appearance_of(spec, identity), pose)
    sprite = Image.fromarray(canvas.finish()).resize((width, height), Image.Resampling.BOX)
    return sprite, (round(column - width / 2), round(walk.foot - height))


def _draw_pillars(image: Image.Image, owners: Image.Image) -> None:
    for share in PILLARS:
        left = round(share * WIDTH - PILLAR_WIDTH / 2)
        box = (left, 0, left + PILLAR_WIDTH - 1, HEIGHT)
        ImageDraw.Draw(image).rectangle(box, fill=(112, 108, 102))
        ImageDraw.Draw(owners).rectangle(box, fill=PILLAR)
