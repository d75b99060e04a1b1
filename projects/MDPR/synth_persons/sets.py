"""The sets by name: SynthPersons, a larger and harder sibling, and that one's twin out of its domain."""

from dataclasses import replace
from typing import Any, Final

from synth_persons.spec import SynthPersonsSpec

_KNOBS: Final = (
    "look_alike_fraction",
    "occlusion_probability",
    "carried_probability",
    "cast_strength",
    "shift",
)
_RUNGS: Final = (
    (0.08, 0.30, 0.0, 0.12, 0.06),
    (0.20, 0.35, 0.2, 0.14, 0.08),
    (0.30, 0.40, 0.3, 0.18, 0.10),
    (0.40, 0.45, 0.4, 0.22, 0.12),
    (0.50, 0.50, 0.5, 0.26, 0.14),
)
LADDER: Final[tuple[dict[str, Any], ...]] = tuple(dict(zip(_KNOBS, rung, strict=True)) for rung in _RUNGS)
"""Ever harder versions of SynthPersonsXL; level 0 is as hard as SynthPersons."""
LEVEL: Final = 4
"""The first of them on which a colour histogram scores less than half (`docs/synth_persons_xl.md`)."""

_SIZES: Final = SynthPersonsSpec(
    name="SynthPersonsXL",
    seed=1,
    train_identities=240,
    test_identities=640,
    cameras=8,
    gallery_images_per_camera=1,
    query_cameras=5,
    distractors=480,
    junk=160,
    group_size=4,
)


def at_level(level: int) -> SynthPersonsSpec:
    """Return SynthPersonsXL as it is on a rung of `LADDER`."""
    return replace(_SIZES, **LADDER[level])


SYNTH_PERSONS: Final = SynthPersonsSpec()
SYNTH_PERSONS_XL: Final = at_level(LEVEL)
SYNTH_PERSONS_XL_OTHER: Final = replace(
    SYNTH_PERSONS_XL,
    name="SynthPersonsXLOther",
    seed=2,
    train_identities=16,  # for nobody to train on, but a data set has a training split
    # Other cameras, beside the ranges of the first ones, before other surroundings.
    cast_strength=1.2 * SYNTH_PERSONS_XL.cast_strength,
    gamma_range=(1.25, 1.4),
    contrast_range=(0.7, 0.84),
    blur_range=(0.9, 1.2),
    noise_range=(4.0, 6.0),
    jpeg_quality_range=(60, 80),
    facings=(-42.0, 140.0, -105.0, 48.0, 15.0, -162.0, 82.0, -10.0),
    pitch_range=(0.3, 0.45),
    scale_range=(0.68, 0.82),
    surroundings="park",
    # Winter: most people in coats and long sleeves.
    long_sleeve_fraction=0.95,
    coat_fraction=0.6,
)
SETS: Final = {spec.name: spec for spec in (SYNTH_PERSONS, SYNTH_PERSONS_XL, SYNTH_PERSONS_XL_OTHER)}
