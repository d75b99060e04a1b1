"""An articulated walking skeleton in the body frame (metres; x left, y up, z forward)."""

from dataclasses import dataclass

import numpy as np

from synth_persons.appearance import Appearance
from synth_persons.canvas import Point

SIDES = (-1.0, 1.0)
"""The person's right (-x) and left (+x)."""


@dataclass(frozen=True)
class Pose:
    """One moment of a walk; angles in radians.

    Attributes:
        phase: Place in the walking cycle, 0 to 2 pi.
        stride: Largest angle of the thigh from the vertical.
        arm_swing: Largest angle of the upper arm from the vertical.
        elbows: Bend of the right and the left elbow.
        head_turn: Turn of the head to the person's left.
    """

    phase: float
    stride: float
    arm_swing: float
    elbows: tuple[float, float]
    head_turn: float


@dataclass(frozen=True)
class Limb:
    """An arm (shoulder, elbow, wrist, fingertips) or a leg (hip, knee, ankle, toes)."""

    root: Point
    middle: Point
    end: Point
    tip: Point


@dataclass(frozen=True)
class Skeleton:
    """Joints of a person standing on y = 0; `arms` and `legs` hold right, then left."""

    head: Point
    neck: Point
    pelvis: Point
    arms: tuple[Limb, Limb]
    legs: tuple[Limb, Limb]


def offset(x: float, y: float, z: float) -> Point:
    """Return a step in the body frame, in metres."""
    return np.array([x, y, z])


def random_pose(rng: np.random.Generator) -> Pose:
    """Return a walking pose; now and then a forearm is raised, as with a telephone."""
    elbows = rng.uniform(0.15, 0.6, size=2)
    if rng.random() < 0.15:
        elbows[int(rng.integers(2))] = rng.uniform(1.6, 2.2)
    return Pose(
        phase=float(rng.uniform(0, 2 * np.pi)),
        stride=float(rng.uniform(0.08, 0.5)),
        arm_swing=float(rng.uniform(0.05, 0.5)),
        elbows=(float(elbows[0]), float(elbows[1])),
        head_turn=float(rng.normal(0, 0.25)),
    )


def _sagittal(angle: float) -> Point:
    """Return the unit vector that hangs down at 0 and points forward at pi / 2."""
    return np.array([0.0, -np.cos(angle), np.sin(angle)])


def _leg(person: Appearance, pose: Pose, side: float) -> Limb:
    """Return one leg with its hip at height 0."""
    tall = person.height
    cycle = pose.phase + (np.pi if side > 0 else 0.0)
    thigh = pose.stride * np.sin(cycle)
    # The knee bends while the leg swings forward, and hardly while it carries the body.
    bend = 0.06 + 1.7 * pose.stride * max(0.0, np.cos(cycle))
    hip = np.array([side * 0.055 * tall * person.girth**0.5, 0.0, 0.0])
    knee = hip + 0.245 * tall * _sagittal(thigh)
    ankle = knee + 0.235 * tall * _sagittal(thigh - bend)
    toes = ankle + 0.105 * tall * _sagittal(thigh - bend + np.pi / 2 - 0.12)
    return Limb(hip, knee, ankle, toes)


def _arm(person: Appearance, pose: Pose, side: float, shoulder_height: float) -> Limb:
    tall = person.height
    cycle = pose.phase + (0.0 if side > 0 else np.pi)  # against the leg of the same side
    swing = pose.arm_swing * np.sin(cycle)
    bend = pose.elbows[1 if side > 0 else 0]
    away = np.array([side * 0.14, 0.0, 0.0])
    shoulder = np.array([side * 0.100 * tall * person.girth, shoulder_height, 0.0])
    elbow = shoulder + 0.165 * tall * (_sagittal(swing) + away)
    wrist = elbow + 0.145 * tall * (_sagittal(swing + bend) + 0.3 * away)
    return Limb(shoulder, elbow, wrist, wrist + 0.05 * tall * _sagittal(swing + bend))


def _lifted(limb: Limb, height: float) -> Limb:
    up = np.array([0.0, height, 0.0])
    return Limb(limb.root + up, limb.middle + up, limb.end + up, limb.tip + up)


def skeleton(person: Appearance, pose: Pose) -> Skeleton:
    """Return the joints of `person` in `pose`, the lower foot on the ground."""
    tall = person.height
    right, left = (_leg(person, pose, side) for side in SIDES)
    ankle_height = 0.035 * tall
    hips = ankle_height - min(right.end[1], left.end[1])
    neck = hips + 0.325 * tall
    arms = tuple(_arm(person, pose, side, neck - 0.055 * tall) for side in SIDES)
    return Skeleton(
        head=np.array([0.0, neck + 0.098 * tall, 0.012 * tall]),
        neck=np.array([0.0, neck, 0.0]),
        pelvis=np.array([0.0, hips, 0.0]),
        arms=(arms[0], arms[1]),
        legs=(_lifted(right, hips), _lifted(left, hips)),
    )
