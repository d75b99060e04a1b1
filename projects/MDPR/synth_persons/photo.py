"""One finished image of the set: a pure function of the spec and of what is photographed."""

from dataclasses import dataclass, replace
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from synth_persons import scenery
from synth_persons.appearance import appearance_of
from synth_persons.camera import camera_of, expose, random_view
from synth_persons.canvas import Canvas, View
from synth_persons.carried import draw_carried
from synth_persons.draw import draw_person
from synth_persons.occlusion import random_occluder
from synth_persons.pose import random_pose
from synth_persons.spec import Stream, SynthPersonsSpec, stream

Scene = NDArray[np.float32]
"""RGB (H, W, 3) from 0 to 1."""


class Subject(IntEnum):
    """What a box holds."""

    PERSON = 0
    FRAGMENT = 1  # a bad box: only part of the person
    NOBODY = 2  # a false detection: background alone


@dataclass(frozen=True, order=True)
class Shot:
    """What is photographed.

    Attributes:
        identity: Who, from 1; for `NOBODY` only a number in the image's random key.
        camera: By which camera, from 1.
        index: Number of the image among those of this person and camera, from 0.
        subject: What the box holds.
    """

    identity: int
    camera: int
    index: int
    subject: Subject = Subject.PERSON


def take(spec: SynthPersonsSpec, shot: Shot) -> NDArray[np.uint8]:
    """Return the image (H, W, 3) of `shot`, RGB from 0 to 255.

    Raises:
        ValueError: If the identity or camera number is out of range.
    """
    rng = _own_stream(spec, Stream.SHOT, shot)
    camera = camera_of(spec, shot.camera)
    background = scenery.window(spec, shot.camera, rng)
    scene: Scene = background.astype(np.float32) / np.float32(255)
    if shot.subject is not Subject.NOBODY:
        view = random_view(spec, camera, rng)
        if shot.subject is Subject.FRAGMENT:
            view = _badly_boxed(spec, view, rng)
        scene = _with_shadow(spec, scene, view)
        canvas = Canvas(*spec.canvas_size, view)
        person = appearance_of(spec, shot.identity)
        bones = draw_person(canvas, person, random_pose(rng))
        carried = _own_stream(spec, Stream.CARRIED, shot)
        if carried.random() < spec.carried_probability:
            draw_carried(canvas, person.height, bones, carried)
        scene = _over(spec, canvas.finish(), scene)
        if rng.random() < spec.occlusion_probability:
            scene = _over(spec, random_occluder(spec, view, rng), scene)
    return _develop(spec, expose(spec, camera, scene, rng), rng)


def jpeg_quality(spec: SynthPersonsSpec, shot: Shot) -> int:
    """Return the JPEG quality of `shot`'s file."""
    rng = _own_stream(spec, Stream.JPEG, shot)
    low, high = spec.jpeg_quality_range
    return int(rng.integers(low, high + 1))


def _own_stream(spec: SynthPersonsSpec, purpose: Stream, shot: Shot) -> np.random.Generator:
    return stream(spec.seed, purpose, shot.identity, shot.camera, shot.index, shot.subject)


def _badly_boxed(spec: SynthPersonsSpec, view: View, rng: np.random.Generator) -> View:
    """Move the box so far that half of the person or less is inside."""
    height, width = spec.canvas_size
    side = 1 if rng.random() < 0.5 else -1
    x, y = view.foot
    if rng.random() < 0.5:
        x += side * width * rng.uniform(0.45, 0.6)
    else:
        y += side * height * rng.uniform(0.5, 0.65)
    return replace(view, foot=(float(x), float(y)))


def _with_shadow(spec: SynthPersonsSpec, scene: Scene, view: View) -> Scene:
    """Darken the ground about the feet."""
    height, width = spec.canvas_size
    x, y = view.foot[0] * spec.width / width, view.foot[1] * spec.height / height
    wide = 0.38 * view.pixels_per_metre * spec.width / width
    rows = np.arange(spec.height, dtype=np.float32)[:, None]
    columns = np.arange(spec.width, dtype=np.float32)[None, :]
    distance = ((columns - x) / wide) ** 2 + ((rows - y) / (0.3 * wide)) ** 2
    return scene * (1 - np.float32(0.45) * np.exp(-distance, dtype=np.float32))[..., None]


def _over(spec: SynthPersonsSpec, rgba: NDArray[np.uint8], scene: Scene) -> Scene:
    """Average supersampled RGBA down to (H, W, 4) and lay it over `scene` (H, W, 3)."""
    # Pixels are black where alpha is 0, so the average is already multiplied by alpha.
    large = Image.fromarray(rgba).convert("RGBa")
    small = large.resize((spec.width, spec.height), Image.Resampling.BOX)
    layer = np.asarray(small).astype(np.float32) / 255
    return layer[..., :3] + (np.float32(1) - layer[..., 3:]) * scene


def _develop(spec: SynthPersonsSpec, image: Scene, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Blur, add sensor noise and round to bytes."""
    radius = rng.uniform(*spec.blur_range) * spec.height / 128
    blurred = Image.fromarray((image * 255 + 0.5).astype(np.uint8))
    blurred = blurred.filter(ImageFilter.GaussianBlur(radius))
    noise = rng.normal(0, rng.uniform(*spec.noise_range), size=image.shape)
    return (np.asarray(blurred) + noise + 0.5).clip(0, 255).astype(np.uint8)
