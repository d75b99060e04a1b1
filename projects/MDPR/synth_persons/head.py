"""Drawing a head: neck, face, and hair or a cap."""

import numpy as np

from synth_persons import textures
from synth_persons.appearance import CLOTH, HAIR, SKIN, Appearance, Colour
from synth_persons.canvas import Canvas, Point
from synth_persons.pose import Pose, Skeleton, offset


def draw_head(canvas: Canvas, person: Appearance, pose: Pose, bones: Skeleton) -> None:
    """Draw the neck and the head of `person` on `canvas`."""
    tall = person.height
    skin = textures.plain(SKIN[person.skin])
    collar = bones.neck - offset(0, 0.02 * tall, 0)
    canvas.tube((bones.head, collar), [(0, 0.032 * tall, 0.034 * tall)] * 2, skin)
    radii = (0.054 * tall, 0.073 * tall, 0.062 * tall)
    canvas.ball(bones.head, radii, textures.head(person, pose.head_turn))
    _draw_hair(canvas, person, pose, bones.head)


def _draw_hair(canvas: Canvas, person: Appearance, pose: Pose, head: Point) -> None:
    """Draw what stands off the head; the hair on the head itself is the head's texture."""
    tall = person.height
    rgb = HAIR[person.hair_colour]
    back = offset(-np.sin(pose.head_turn), 0, -np.cos(pose.head_turn))
    crown = head + back * 0.02 * tall
    if person.hair == "short":
        cover = crown + offset(0, 0.016 * tall, 0)
        canvas.ball(cover, (0.055 * tall, 0.066 * tall, 0.055 * tall), _ball(rgb))
    elif person.hair == "long":
        ends = (
            crown + offset(0, 0.03 * tall, 0),
            crown + back * 0.02 - offset(0, 0.15 * tall, 0),
        )
        profile = [(0.0, 0.054 * tall, 0.048 * tall), (1.0, 0.070 * tall, 0.034 * tall)]
        canvas.tube(ends, profile, textures.plain(rgb))
    elif person.hair == "bun":
        bun = head + back * 0.062 * tall + offset(0, 0.045 * tall, 0)
        canvas.ball(bun, (0.03 * tall, 0.03 * tall, 0.03 * tall), _ball(rgb))
    elif person.hair == "ponytail":
        tie = head + back * 0.066 * tall + offset(0, 0.03 * tall, 0)
        ends = (tie, tie + back * 0.035 * tall - offset(0, 0.14 * tall, 0))
        canvas.tube(ends, [(0, 0.020 * tall, 0.020 * tall), (1, 0.012, 0.012)], textures.plain(rgb))
    elif person.hair == "cap":
        brim = head - back * 0.062 * tall + offset(0, 0.026 * tall, 0)
        rim = CLOTH[person.upper.second]
        canvas.ball(brim, (0.046 * tall, 0.009 * tall, 0.046 * tall), _ball(rim))


def _ball(rgb: Colour) -> textures.BallTexture:
    colour = np.asarray(rgb, np.float32)
    return lambda direction: np.broadcast_to(colour, direction.shape)
