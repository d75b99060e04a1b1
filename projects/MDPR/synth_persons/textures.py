"""Colours on the surface of a body: skin, patterned cloth, a head with hair and a face."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from synth_persons.appearance import CLOTH, HAIR, SKIN, Appearance, Colour, LowerPattern, Pattern
from synth_persons.canvas import BallTexture, Pixels, Texture

Mask = NDArray[np.bool_]
Marks = Callable[[Pixels, Pixels, float], Mask]
"""(metres along the tube (n,), angle (n,), mean radius in metres) -> where the second colour is."""


def _period(value: Pixels, period: float, share: float) -> Mask:
    """Return where `value` lies in the first `share` of each `period`."""
    return np.mod(value, period) < share * period


def _checks(along: Pixels, angle: Pixels, radius: float) -> Mask:
    return _period(along, 0.15, 0.5) ^ _period(angle * radius, 0.15, 0.5)


def _dots(along: Pixels, angle: Pixels, radius: float) -> Mask:
    row = np.floor(along / 0.095)
    x = np.mod(angle * radius + 0.055 * np.mod(row, 2), 0.11) - 0.055
    y = np.mod(along, 0.095) - 0.0475
    return x**2 + y**2 < 0.031**2


def _emblem(along: Pixels, angle: Pixels, radius: float) -> Mask:
    x, y = angle * radius, along - 0.2
    return (np.abs(_wrapped(angle)) < 1.2) & (np.abs(x) + np.abs(y) < 0.105)


def _wrapped(angle: Pixels) -> Pixels:
    """Return the angle between -pi and pi."""
    return np.mod(angle + np.float32(np.pi), np.float32(2 * np.pi)) - np.float32(np.pi)


def _nowhere(along: Pixels, angle: Pixels, radius: float) -> Mask:
    return np.zeros(along.shape, bool)


_UPPER_MARKS: dict[Pattern, Marks] = {
    "plain": _nowhere,
    "raglan": _nowhere,  # the sleeves alone have the second colour
    "hoops": lambda along, angle, radius: _period(along + 0.03, 0.13, 0.5),
    "pinstripes": lambda along, angle, radius: _period(angle * radius, 0.10, 0.42),
    "checks": _checks,
    "dots": _dots,
    "emblem": lambda along, angle, radius: _emblem(along, _wrapped(angle), radius),
    "two-tone": lambda along, angle, radius: along > 0.27,
    "band": lambda along, angle, radius: (along > 0.17) & (along < 0.29),
}
_ON_SLEEVES: tuple[Pattern, ...] = ("hoops", "checks", "dots")

_LOWER_MARKS: dict[LowerPattern, Marks] = {
    "plain": _nowhere,
    "side stripe": lambda along, angle, radius: np.abs(np.sin(angle)) > 0.82,
    "checks": _checks,
    "hoops": lambda along, angle, radius: _period(along, 0.17, 0.45),
}


def plain(colour: Colour) -> Texture:
    """Return a texture of one colour."""
    rgb = np.asarray(colour, np.float32)
    return lambda along, angle: np.broadcast_to(rgb, (*along.shape, 3))


def _marked(colour: Colour, second: Colour, marks: Marks, radius: float, start: float) -> Texture:
    first, other = np.asarray(colour, np.float32), np.asarray(second, np.float32)

    def texture(along: Pixels, angle: Pixels) -> Pixels:
        return np.where(marks(along + start, angle, radius)[:, None], other, first)

    return texture


def torso(person: Appearance, radius: float, start: float = 0.0) -> Texture:
    """Return the upper clothes on the trunk; `start` metres below the collar, `radius` metres."""
    upper = person.upper
    marks = _UPPER_MARKS[upper.pattern]
    return _marked(CLOTH[upper.colour], CLOTH[upper.second], marks, radius, start)


def sleeve(person: Appearance, radius: float, start: float, cut: float) -> Texture:
    """Return an arm whose cloth ends `cut` metres along the tube; skin below."""
    upper = person.upper
    colour = upper.second if upper.pattern == "raglan" else upper.colour
    marks = _UPPER_MARKS[upper.pattern] if upper.pattern in _ON_SLEEVES else _nowhere
    cloth = _marked(CLOTH[colour], CLOTH[upper.second], marks, radius, start)
    return ending(cloth, cut, plain(SKIN[person.skin]))


def lower(person: Appearance, radius: float, start: float = 0.0) -> Texture:
    """Return the lower clothes; `start` metres below the hip."""
    clothes = person.lower
    marks = _LOWER_MARKS[clothes.pattern]
    return _marked(CLOTH[clothes.colour], CLOTH[clothes.second], marks, radius, start)


def ending(cloth: Texture, cut: float, below: Texture) -> Texture:
    """Return `cloth` for the first `cut` metres and `below` after them."""

    def texture(along: Pixels, angle: Pixels) -> Pixels:
        return np.where((along < cut)[:, None], cloth(along, angle), below(along, angle))

    return texture


def with_backpack_straps(cloth: Texture, strap: Colour, end: float) -> Texture:
    """Return `cloth` with two straps over the front, `end` metres long."""
    rgb = np.asarray(strap, np.float32)

    def texture(along: Pixels, angle: Pixels) -> Pixels:
        front = np.abs(np.abs(_wrapped(angle)) - 0.62) < 0.16
        return np.where((front & (along < end))[:, None], rgb, cloth(along, angle))

    return texture


def with_sling(cloth: Texture, strap: Colour, length: float) -> Texture:
    """Return `cloth` with a strap from the right shoulder to the left hip, `length` metres down."""
    rgb = np.asarray(strap, np.float32)

    def texture(along: Pixels, angle: Pixels) -> Pixels:
        on_strap = np.abs(np.sin(angle) - (1.9 * along / length - 0.85)) < 0.16
        return np.where(on_strap[:, None], rgb, cloth(along, angle))

    return texture


def head(person: Appearance, turn: float) -> BallTexture:
    """Return face and hair (or cap); `turn` is the head's turn to the left in radians."""
    skin = np.asarray(SKIN[person.skin], np.float32)
    hair = np.asarray(HAIR[person.hair_colour], np.float32)
    if person.hair == "cap":
        hair = np.asarray(CLOTH[person.upper.second], np.float32)
    cosine, sine = np.cos(turn), np.sin(turn)

    def texture(direction: Pixels) -> Pixels:
        x = direction[:, 0] * cosine - direction[:, 2] * sine
        z = direction[:, 0] * sine + direction[:, 2] * cosine
        y = direction[:, 1]
        rgb = np.broadcast_to(skin, direction.shape).copy()
        eyes = (z > 0) & (((np.abs(x) - 0.36) / 0.16) ** 2 + ((y - 0.08) / 0.10) ** 2 < 1)
        mouth = (z > 0) & ((x / 0.30) ** 2 + ((y + 0.48) / 0.08) ** 2 < 1)
        rgb[eyes] = 0.12
        rgb[mouth] = skin * (0.72, 0.45, 0.45)
        if person.hair == "cap":
            rgb[y > 0.28] = hair
        elif person.hair != "bald":
            rgb[y > 0.28 + 0.75 * z] = hair
        return rgb

    return texture
