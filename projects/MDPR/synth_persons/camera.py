"""Cameras: where each one stands and what it does to colours."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from synth_persons.canvas import View
from synth_persons.spec import Stream, SynthPersonsSpec, stream

_GOLDEN_ANGLE = np.pi * (3 - 5**0.5)


@dataclass(frozen=True)
class Camera:
    """One camera.

    Attributes:
        number: From 1.
        yaw: Usual facing direction of its people in radians; 0 faces the camera.
        pitch: How far it looks down, in radians.
        gain: White balance, a factor for each of red, green and blue.
        gamma: Exponent on intensities from 0 to 1; above 1 darkens.
        contrast: Factor on the distance from middle grey.
        saturation: Factor on the distance from the pixel's own grey.
        light: Direction towards the light in the camera frame (x right, y down, z to the camera).
        ambient: Brightness of surfaces turned away from the light, 0 to 1.
    """

    number: int
    yaw: float
    pitch: float
    gain: tuple[float, float, float]
    gamma: float
    contrast: float
    saturation: float
    light: tuple[float, float, float]
    ambient: float


def camera_of(spec: SynthPersonsSpec, number: int) -> Camera:
    """Return camera `number`.

    Raises:
        ValueError: If the number is not from 1 to `spec.cameras`.
    """
    if not 1 <= number <= spec.cameras:
        raise ValueError(f"camera is {number}, but the set has cameras 1 to {spec.cameras}.")
    rng = stream(spec.seed, Stream.CAMERA, number)
    # Casts a golden angle apart differ strongly between any two cameras, however many there are.
    hue = _GOLDEN_ANGLE * number + rng.uniform(-0.3, 0.3)
    gain = 1 + spec.cast_strength * np.cos(hue + np.array([0.0, 2.0, 4.0]) * np.pi / 3)
    return Camera(
        number=number,
        yaw=float(np.deg2rad(spec.facings[(number - 1) % len(spec.facings)])),
        pitch=float(rng.uniform(*spec.pitch_range)),
        gain=(float(gain[0]), float(gain[1]), float(gain[2])),
        gamma=float(np.exp(rng.uniform(*np.log(spec.gamma_range)))),
        contrast=float(rng.uniform(*spec.contrast_range)),
        saturation=float(rng.uniform(0.75, 1.1)),
        light=(float(rng.uniform(-0.8, 0.8)), float(rng.uniform(-0.9, -0.3)), 0.75),
        ambient=float(rng.uniform(0.5, 0.7)),
    )


def random_view(spec: SynthPersonsSpec, camera: Camera, rng: np.random.Generator) -> View:
    """Return how one passer-by is seen on the supersampled canvas, with the box's errors."""
    yaw = camera.yaw + np.deg2rad(spec.yaw_jitter) * rng.normal()
    if rng.random() < spec.turn_around:
        yaw += np.pi
    height, width = spec.canvas_size
    scale = height * rng.uniform(*spec.scale_range) / 1.72
    sideways, upwards = rng.uniform(-spec.shift, spec.shift, size=2)
    return View(
        yaw=float(yaw),
        pitch=camera.pitch,
        pixels_per_metre=float(scale),
        # A well-placed box has the person's middle, 0.86 m up, in its own middle.
        foot=(float(width * (0.5 + sideways)), float(height * (0.5 + upwards) + 0.86 * scale)),
        light=camera.light,
        ambient=camera.ambient,
    )


def expose(
    spec: SynthPersonsSpec, camera: Camera, image: NDArray[np.float32], rng: np.random.Generator
) -> NDArray[np.float32]:
    """Return `image` (H, W, 3), 0 to 1, in the colours of the camera, with this image's light."""
    own_light = np.exp(rng.normal(0, spec.light_jitter, size=4))
    gain = np.asarray(camera.gain) * own_light[:3] * own_light[3]
    seen = (image * gain.astype(np.float32)).clip(0, 1) ** np.float32(camera.gamma)
    grey = seen.mean(axis=2, keepdims=True)
    seen = grey + np.float32(camera.saturation) * (seen - grey)
    return (0.5 + np.float32(camera.contrast) * (seen - 0.5)).clip(0, 1)
