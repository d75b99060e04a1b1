"""The knobs of SynthPersons, and the random streams every drawing decision comes from."""

from dataclasses import asdict, dataclass, field, fields
from enum import IntEnum
from typing import Any, Literal, get_args

import numpy as np

GENERATOR_VERSION = 1
"""Raised whenever the pixels or the file list change, so that older files are not reused."""


class Stream(IntEnum):
    """What a random stream decides; part of its key, so that no two decisions share numbers."""

    GROUP = 1
    IDENTITY = 2
    CAMERA = 3
    SCENERY = 4
    SHOT = 5
    JPEG = 6
    LAYOUT = 7
    CARRIED = 8


def stream(seed: int, purpose: Stream, *key: int) -> np.random.Generator:
    """Return the random generator of one decision.

    Args:
        seed: Seed of the whole set.
        purpose: What is decided.
        key: Non-negative integers naming the case, such as (identity, camera, index).
    """
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed, purpose, *key])))


Surroundings = Literal["street", "park"]
_ADDED = {"added": True}
"""Marks knobs that the first sets did not have: at their defaults they change neither pixels nor folder."""


@dataclass(frozen=True)
class SynthPersonsSpec:
    """Everything that decides what SynthPersons looks like.

    Attributes:
        seed: Seed of the whole set, >= 0.
        train_identities: People in the training split.
        test_identities: Other people, in query and gallery.
        cameras: Cameras.
        train_images_per_camera: Training images of a person in each camera.
        gallery_images_per_camera: Gallery images of a test person in each camera.
        query_cameras: Cameras that give one query image of each test person.
        distractors: Gallery images of nobody in the query split (identity 0).
        junk: Gallery images with a bad box around a test person (identity -1).
        height: Image height in pixels.
        width: Image width in pixels.
        stretch: How much wider people look than they are: tight boxes are narrower than the
            images, and resizing widens them.
        supersampling: The person is drawn this many times larger, then averaged down.
        group_size: Identities in one group; groups never straddle the two splits when it
            divides both identity counts.
        look_alike_fraction: Share of the groups whose members differ in ONE detail, 0 to 1.
        swapped_fraction: Share of the groups with two members in the same colours, worn above by
            one and below by the other, 0 to 1.
        cast_strength: Half range of a camera's gain per colour channel: 0.3 gives 0.7 to 1.3.
        gamma_range: Lowest and highest camera gamma.
        contrast_range: Lowest and highest camera contrast, 1 leaves it as it is.
        light_jitter: Standard deviation of each image's own gain, about its camera's.
        yaw_jitter: Standard deviation of the facing direction about the camera's, in degrees.
        turn_around: Probability of walking the other way (180 degrees more).
        scale_range: Person height over image height, for a person of 1.72 m.
        shift: Half range of the box error, as a share of the image's width and height.
        blur_range: Blur radius in pixels at 128 pixels of height.
        noise_range: Standard deviation of the sensor noise, in grey levels of 255.
        occlusion_probability: Share of the images in which something hides part of the person.
        jpeg_quality_range: Lowest and highest JPEG quality, both included.
        name: How its folder's name begins.
        carried_probability: Share of the images in which the person carries something large that
            hides clothes and says nothing about who it is.
        surroundings: What stands behind the people.
        facings: Usual facing directions of the people before cameras 1, 2, ..., then again;
            degrees, 0 is frontal.
        pitch_range: How far the cameras look down at least and at most, in radians.
        long_sleeve_fraction: Share of the upper clothes with long sleeves.
        coat_fraction: Share of the upper clothes that are coats.
    """

    seed: int = 0
    train_identities: int = 72
    test_identities: int = 72
    cameras: int = 6
    train_images_per_camera: int = 2
    gallery_images_per_camera: int = 2
    query_cameras: int = 3
    distractors: int = 120
    junk: int = 60
    height: int = 128
    width: int = 64
    stretch: float = 1.2
    supersampling: int = 2
    group_size: int = 2
    look_alike_fraction: float = 0.08
    swapped_fraction: float = 0.4
    cast_strength: float = 0.12
    gamma_range: tuple[float, float] = (0.85, 1.2)
    contrast_range: tuple[float, float] = (0.85, 1.1)
    light_jitter: float = 0.06
    yaw_jitter: float = 22.0
    turn_around: float = 0.3
    scale_range: tuple[float, float] = (0.74, 0.94)
    shift: float = 0.06
    blur_range: tuple[float, float] = (0.0, 0.9)
    noise_range: tuple[float, float] = (1.0, 4.0)
    occlusion_probability: float = 0.3
    jpeg_quality_range: tuple[int, int] = (82, 95)
    name: str = field(default="SynthPersons", metadata=_ADDED)
    carried_probability: float = field(default=0.0, metadata=_ADDED)
    surroundings: Surroundings = field(default="street", metadata=_ADDED)
    facings: tuple[float, ...] = field(
        default=(0.0, 180.0, 65.0, -65.0, 30.0, -145.0, 100.0, -20.0, 160.0), metadata=_ADDED
    )
    pitch_range: tuple[float, float] = field(default=(0.05, 0.28), metadata=_ADDED)
    long_sleeve_fraction: float = field(default=0.5, metadata=_ADDED)
    coat_fraction: float = field(default=0.15, metadata=_ADDED)

    def __post_init__(self) -> None:
        for name in ("train_identities", "test_identities", "distractors", "junk", "seed"):
            self._require(name, getattr(self, name) >= 0, "0 or more")
        for name in ("train_images_per_camera", "gallery_images_per_camera", "query_cameras"):
            self._require(name, getattr(self, name) >= 1, "1 or more")
        for name in ("height", "width", "supersampling", "group_size", "cameras"):
            self._require(name, getattr(self, name) >= 1, "1 or more")
        for name in (
            "look_alike_fraction",
            "swapped_fraction",
            "turn_around",
            "occlusion_probability",
            "carried_probability",
            "long_sleeve_fraction",
            "coat_fraction",
        ):
            self._require(name, 0 <= getattr(self, name) <= 1, "from 0 to 1")
        for name in ("yaw_jitter", "shift", "light_jitter"):
            self._require(name, getattr(self, name) >= 0, "0 or more")
        self._require("stretch", self.stretch > 0, "above 0")
        self._require("facings", len(self.facings) > 0, "not empty")
        self._require(
            "surroundings", self.surroundings in get_args(Surroundings), f"one of {get_args(Surroundings)}"
        )
        self._require(
            "swapped_fraction",
            self.look_alike_fraction + self.swapped_fraction <= 1,
            "at most 1 - look_alike_fraction",
        )
        self._require("cast_strength", 0 <= self.cast_strength < 1, "from 0 to below 1")
        self._require("junk", self.junk == 0 or self.test_identities > 0, "0 without test people")
        self._require("query_cameras", self.query_cameras <= self.cameras, "at most `cameras`")
        for name in ("gamma_range", "contrast_range", "scale_range"):
            low, high = getattr(self, name)
            self._require(name, 0 < low <= high, "(low, high) with 0 < low <= high")
        for name in ("blur_range", "noise_range", "jpeg_quality_range", "pitch_range"):
            low, high = getattr(self, name)
            self._require(name, 0 <= low <= high, "(low, high) with 0 <= low <= high")

    @property
    def canvas_size(self) -> tuple[int, int]:
        """Height and width of the supersampled canvas, before it is stretched."""
        width = round(self.width * self.supersampling / self.stretch)
        return self.height * self.supersampling, max(width, 1)

    def described(self) -> dict[str, Any]:
        """Return the knobs by name, without those added later that are at their defaults."""
        untouched = {
            knob.name
            for knob in fields(self)
            if "added" in knob.metadata and getattr(self, knob.name) == knob.default
        }
        return {name: value for name, value in asdict(self).items() if name not in untouched}

    def _require(self, name: str, valid: bool, allowed: str) -> None:
        if not valid:
            raise ValueError(f"SynthPersonsSpec.{name} is {getattr(self, name)!r}, but must be {allowed}.")
