"""What an identity looks like: a pure function of (seed, identity)."""

from dataclasses import dataclass, replace
from typing import Literal, TypeVar, get_args

import numpy as np

from synth_persons.spec import Stream, SynthPersonsSpec, stream

Colour = tuple[float, float, float]
"""Red, green, blue, each from 0 to 1."""

HairStyle = Literal["short", "long", "bun", "ponytail", "cap", "bald"]
Pattern = Literal["plain", "hoops", "pinstripes", "checks", "dots", "emblem", "two-tone", "band", "raglan"]
LowerKind = Literal["trousers", "shorts", "skirt"]
LowerPattern = Literal["plain", "side stripe", "checks", "hoops"]
BagKind = Literal["none", "backpack", "shoulder bag", "hand bag"]

PATTERNS: tuple[Pattern, ...] = get_args(Pattern)
CLOTH: dict[str, Colour] = {
    "black": (0.10, 0.10, 0.12),
    "grey": (0.50, 0.51, 0.53),
    "white": (0.93, 0.93, 0.91),
    "red": (0.78, 0.12, 0.13),
    "orange": (0.93, 0.50, 0.12),
    "yellow": (0.93, 0.82, 0.20),
    "green": (0.18, 0.52, 0.23),
    "lime": (0.58, 0.78, 0.25),
    "turquoise": (0.15, 0.66, 0.66),
    "blue": (0.18, 0.35, 0.80),
    "navy": (0.12, 0.15, 0.37),
    "purple": (0.46, 0.22, 0.62),
    "pink": (0.93, 0.52, 0.68),
    "brown": (0.43, 0.27, 0.15),
}
LOWER_CLOTH = ("black", "grey", "white", "red", "green", "blue", "navy", "brown", "yellow")
SHOES = ("black", "white", "red", "blue", "yellow", "brown")
BAGS = ("black", "red", "yellow", "green", "blue", "pink", "brown", "white")
HAIR = {
    "black": (0.09, 0.08, 0.08),
    "brown": (0.34, 0.20, 0.11),
    "blond": (0.84, 0.67, 0.36),
    "red": (0.62, 0.24, 0.10),
    "grey": (0.66, 0.66, 0.66),
}
SKIN: tuple[Colour, ...] = (
    (0.95, 0.78, 0.67),
    (0.87, 0.67, 0.52),
    (0.72, 0.51, 0.37),
    (0.52, 0.35, 0.24),
    (0.36, 0.24, 0.17),
)

Choice = TypeVar("Choice")


@dataclass(frozen=True)
class Upper:
    """Upper clothes; `second` is the pattern's colour, `coat` reaches the middle of the thigh."""

    colour: str
    second: str
    pattern: Pattern
    long_sleeves: bool
    coat: bool


@dataclass(frozen=True)
class Lower:
    """Lower clothes; `second` is the pattern's colour."""

    kind: LowerKind
    colour: str
    second: str
    pattern: LowerPattern


@dataclass(frozen=True)
class Appearance:
    """A person; colours are names in `CLOTH` and `HAIR`, `height` is in metres.

    `girth` scales widths (1 is average) and `skin` is an index into `SKIN`.
    """

    height: float
    girth: float
    skin: int
    hair: HairStyle
    hair_colour: str
    upper: Upper
    lower: Lower
    bag: BagKind
    bag_colour: str
    shoes: str


def _pick(rng: np.random.Generator, options: tuple[Choice, ...], *, other: object = None) -> Choice:
    allowed = [option for option in options if option != other]
    return allowed[int(rng.integers(len(allowed)))]


def _random_upper(spec: SynthPersonsSpec, rng: np.random.Generator) -> Upper:
    colour = _pick(rng, tuple(CLOTH))
    return Upper(
        colour=colour,
        second=_contrasting(rng, colour),
        pattern=_pick(rng, PATTERNS) if rng.random() < 0.75 else "plain",
        long_sleeves=bool(rng.random() < spec.long_sleeve_fraction),
        coat=bool(rng.random() < spec.coat_fraction),
    )


def _random_lower(rng: np.random.Generator) -> Lower:
    colour = _pick(rng, LOWER_CLOTH)
    return Lower(
        kind=_pick(rng, ("trousers", "trousers", "shorts", "skirt")),
        colour=colour,
        second=_contrasting(rng, colour),
        pattern=_pick(rng, get_args(LowerPattern)) if rng.random() < 0.45 else "plain",
    )


def _contrasting(rng: np.random.Generator, colour: str) -> str:
    """Pick a colour far enough from `colour` to make a pattern visible at 128 pixels."""
    ours = np.array(CLOTH[colour])
    far = tuple(name for name, rgb in CLOTH.items() if np.abs(ours - rgb).sum() > 0.9)
    return _pick(rng, far)


def random_appearance(spec: SynthPersonsSpec, rng: np.random.Generator) -> Appearance:
    """Return a person with every detail drawn from `rng`, in the clothes of `spec`."""
    return Appearance(
        height=float(np.clip(rng.normal(1.72, 0.08), 1.55, 1.90)),
        girth=float(rng.uniform(0.85, 1.22)),
        skin=int(rng.integers(len(SKIN))),
        hair=_pick(rng, get_args(HairStyle)),
        hair_colour=_pick(rng, tuple(HAIR)),
        upper=_random_upper(spec, rng),
        lower=_random_lower(rng),
        bag=_pick(rng, get_args(BagKind)),
        bag_colour=_pick(rng, BAGS),
        shoes=_pick(rng, SHOES),
    )


_SEEN_FROM_ALL_SIDES = tuple(name for name in PATTERNS if name != "emblem")


def _new_pattern(rng: np.random.Generator, base: Appearance) -> Appearance:
    pattern = _pick(rng, _SEEN_FROM_ALL_SIDES, other=base.upper.pattern)
    return replace(base, upper=replace(base.upper, pattern=pattern))


def _new_bag(rng: np.random.Generator, base: Appearance) -> Appearance:
    return replace(base, bag=_pick(rng, get_args(BagKind), other=base.bag))


def _new_shoes(rng: np.random.Generator, base: Appearance) -> Appearance:
    dark, bright = ("black", "brown"), ("white", "red", "yellow", "blue")
    return replace(base, shoes=_pick(rng, bright if base.shoes in dark else dark))


def _new_hair(rng: np.random.Generator, base: Appearance) -> Appearance:
    styles: tuple[HairStyle, ...] = ("short", "long", "bald", "cap")  # told apart from all sides
    return replace(base, hair=_pick(rng, styles, other=base.hair))


def _new_lower_pattern(rng: np.random.Generator, base: Appearance) -> Appearance:
    pattern = _pick(rng, get_args(LowerPattern), other=base.lower.pattern)
    return replace(base, lower=replace(base.lower, pattern=pattern))


_ONE_DETAIL = (_new_pattern, _new_bag, _new_shoes, _new_hair, _new_lower_pattern)


def _in_two_colours(rng: np.random.Generator, base: Appearance) -> Appearance:
    """Return `base`, with other lower clothes where both are of one colour."""
    if base.upper.colour != base.lower.colour:
        return base
    return replace(base, lower=replace(base.lower, colour=_pick(rng, LOWER_CLOTH, other=base.upper.colour)))


def _colours_swapped(base: Appearance) -> Appearance:
    """Wear the same colours the other way round: those of the upper clothes below."""
    upper, lower = base.upper, base.lower
    return replace(
        base,
        upper=replace(upper, colour=lower.colour, second=lower.second),
        lower=replace(lower, colour=upper.colour, second=upper.second),
    )


def appearance_of(spec: SynthPersonsSpec, identity: int) -> Appearance:
    """Return what identity `identity` (1, 2, ...) looks like.

    Identities come in groups of `spec.group_size`. In a look-alike group the first member is
    drawn freely and each other one differs from it in one detail only, each in another one
    until the kinds of details run out. In a swapped group the second member wears the first one's
    colours the other way round, and any others are drawn freely.

    Raises:
        ValueError: If `identity` is below 1.
    """
    if identity < 1:
        raise ValueError(f"identity is {identity}, but people are numbered from 1.")
    group, member = divmod(identity - 1, spec.group_size)
    group_rng = stream(spec.seed, Stream.GROUP, group)
    own_rng = stream(spec.seed, Stream.IDENTITY, identity)
    kind = group_rng.random()
    swapped = spec.look_alike_fraction <= kind < spec.look_alike_fraction + spec.swapped_fraction
    if kind >= spec.look_alike_fraction and not (swapped and member < 2):
        return random_appearance(spec, own_rng)
    base = random_appearance(spec, group_rng)
    if swapped:
        base = _in_two_colours(group_rng, base)
    if member == 0:
        return base
    if swapped:
        return _colours_swapped(base)
    order = group_rng.permutation(len(_ONE_DETAIL))
    return _ONE_DETAIL[int(order[(member - 1) % len(order)])](own_rng, base)
