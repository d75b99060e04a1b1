"""Drawing a person: the skeleton of :mod:`.pose` dressed as :mod:`.appearance` says."""

import numpy as np

from synth_persons import textures
from synth_persons.appearance import CLOTH, SKIN, Appearance
from synth_persons.canvas import Canvas, Texture
from synth_persons.head import draw_head
from synth_persons.pose import Limb, Pose, Skeleton, offset, skeleton


def draw_person(canvas: Canvas, person: Appearance, pose: Pose) -> Skeleton:
    """Draw `person` in `pose` on `canvas`, feet at the view's `foot`, and return where the joints are."""
    bones = skeleton(person, pose)
    draw_head(canvas, person, pose, bones)
    _draw_trunk(canvas, person, bones)
    for limb in bones.arms:
        _draw_arm(canvas, person, limb)
    for limb in bones.legs:
        _draw_leg(canvas, person, limb)
    if person.lower.kind == "skirt":
        _draw_skirt(canvas, person, bones)
    if person.upper.coat:
        _draw_coat_tails(canvas, person, bones)
    if person.bag != "none":
        _draw_bag(canvas, person, bones)
    return bones


def _draw_trunk(canvas: Canvas, person: Appearance, bones: Skeleton) -> None:
    tall, girth = person.height, person.girth
    bottom = bones.pelvis - offset(0, 0.01 * tall, 0)
    length = float(bones.neck[1] - bottom[1])
    wide, deep = 0.112 * tall * girth, 0.066 * tall * girth
    profile = [
        (0.00, 0.035 * tall, 0.035 * tall),
        (0.06, 0.080 * tall * girth, 0.045 * tall),
        (0.14, 1.04 * wide, 0.060 * tall * girth),
        (0.35, wide, deep),
        (0.70, 0.80 * wide, 0.92 * deep),
        (1.00, 0.86 * wide, deep),
    ]
    cloth = _strapped(person, textures.torso(person, 0.8 * wide), length)
    belt = textures.ending(cloth, 0.93 * length, textures.lower(person, 0.8 * wide))
    canvas.tube((bones.neck, bottom), profile, cloth if person.upper.coat else belt, rounded=False)


def _strapped(person: Appearance, cloth: Texture, length: float) -> Texture:
    strap = CLOTH[person.bag_colour]
    if person.bag == "backpack":
        return textures.with_backpack_straps(cloth, strap, 0.55 * length)
    if person.bag == "shoulder bag":
        return textures.with_sling(cloth, strap, length)
    return cloth


def _draw_arm(canvas: Canvas, person: Appearance, arm: Limb) -> None:
    tall, thick = person.height, 0.033 * person.height * person.girth**0.5
    upper_length = float(np.linalg.norm(arm.middle - arm.root))
    long = person.upper.long_sleeves
    cut = np.inf if long else 0.62 * upper_length
    loose = 1.12 if long else 1.0
    canvas.tube(
        (arm.root, arm.middle),
        [(0, 1.12 * thick * loose, 1.12 * thick * loose), (1, 0.9 * thick * loose, 0.9 * thick)],
        textures.sleeve(person, thick, 0.06 * tall, cut),
    )
    canvas.tube(
        (arm.middle, arm.end),
        [(0, 0.88 * thick * loose, 0.88 * thick * loose), (1, 0.68 * thick, 0.68 * thick)],
        textures.sleeve(person, thick, 0.06 * tall + upper_length, np.inf if long else 0.0),
    )
    hand = [(0, 0.020 * tall, 0.020 * tall), (1, 0.016 * tall, 0.016 * tall)]
    canvas.tube((arm.end, arm.tip), hand, textures.plain(SKIN[person.skin]))


def _draw_leg(canvas: Canvas, person: Appearance, leg: Limb) -> None:
    tall, wide = person.height, person.girth**0.5
    skin = textures.plain(SKIN[person.skin])
    thigh = float(np.linalg.norm(leg.middle - leg.root))
    kind = person.lower.kind
    loose = 1.12 if kind == "trousers" else 1.0
    top, knee, ankle = 0.054 * tall * wide, 0.036 * tall * wide * loose, 0.024 * tall * loose
    cloth = textures.lower(person, top)
    # Under a skirt or a coat the thigh starts lower, or the hip would come through the cloth.
    hidden = 0.75 if kind == "skirt" else 0.45 if person.upper.coat else 0.0
    visible = leg.root + hidden * (leg.middle - leg.root)
    if kind == "skirt":
        above = below = skin
    elif kind == "shorts":
        above, below = textures.ending(cloth, (0.8 - hidden) * thigh, skin), skin
        hem = leg.root + 0.92 * (leg.middle - leg.root)
        wider = [(0, 1.01 * top, 1.01 * top), (1, 0.047 * tall * wide, 0.047 * tall * wide)]
        canvas.tube((visible, hem), wider, cloth, rounded=False)
    else:
        above, below = cloth, textures.lower(person, top, thigh)
    start = top + hidden * (knee - top)
    canvas.tube((visible, leg.middle), [(0, start, start), (1, knee, knee)], above)
    calf = [(0.0, knee, knee), (0.35, 1.03 * knee, 1.03 * knee), (1.0, ankle, ankle)]
    canvas.tube((leg.middle, leg.end), calf, below)
    heel = leg.end + 0.25 * (leg.end - leg.tip) - offset(0, 0.008 * tall, 0)
    shoe = [(0, 0.031 * tall, 0.031 * tall), (1, 0.027 * tall, 0.027 * tall)]
    canvas.tube((heel, leg.tip - offset(0, 0.004 * tall, 0)), shoe, textures.plain(CLOTH[person.shoes]))


def _draw_skirt(canvas: Canvas, person: Appearance, bones: Skeleton) -> None:
    tall, girth = person.height, person.girth
    top = bones.pelvis + offset(0, 0.03 * tall, 0)
    hem = bones.pelvis - offset(0, 0.235 * tall, 0)
    knees = max(abs(float(leg.middle[2])) for leg in bones.legs)
    deep = max(0.120 * tall * girth, knees + 0.06 * tall)  # the cloth follows a long stride
    profile = [
        (0.0, 0.094 * tall * girth, 0.064 * tall * girth),
        (0.3, 0.112 * tall * girth, 0.080 * tall * girth),
        (1.0, 0.145 * tall * girth, deep),
    ]
    canvas.tube((top, hem), profile, textures.lower(person, 0.10 * tall), rounded=False)


def _draw_coat_tails(canvas: Canvas, person: Appearance, bones: Skeleton) -> None:
    tall, girth = person.height, person.girth
    top = bones.pelvis
    hem = bones.pelvis - offset(0, 0.17 * tall, 0)
    profile = [
        (0.0, 0.100 * tall * girth, 0.074 * tall * girth),
        (1.0, 0.135 * tall * girth, 0.112 * tall * girth),
    ]
    start = float(bones.neck[1] - bones.pelvis[1])
    cloth = textures.torso(person, 0.09 * tall * girth, start)
    canvas.tube((top, hem), profile, cloth, rounded=False)


def _draw_bag(canvas: Canvas, person: Appearance, bones: Skeleton) -> None:
    tall, girth = person.height, person.girth
    rgb = CLOTH[person.bag_colour]
    fabric = textures.plain(rgb)
    if person.bag == "backpack":
        top = bones.neck + offset(0, -0.055 * tall, -0.105 * tall * girth)
        bottom = top - offset(0, 0.25 * tall, 0)
        profile = [
            (0.00, 0.050 * tall, 0.030 * tall),
            (0.08, 0.078 * tall, 0.048 * tall),
            (0.90, 0.092 * tall, 0.062 * tall),
            (1.00, 0.080 * tall, 0.050 * tall),
        ]
        canvas.tube((top, bottom), profile, fabric, rounded=False)
    elif person.bag == "shoulder bag":
        top = bones.pelvis + offset(0.125 * tall * girth, 0.02 * tall, 0)
        bottom = top - offset(0, 0.12 * tall, 0)
        canvas.tube((top, bottom), [(0, 0.035 * tall, 0.085 * tall)] * 2, fabric, rounded=False)
    else:
        hand = bones.arms[0].tip
        top, bottom = hand - offset(0, 0.05 * tall, 0), hand - offset(0, 0.16 * tall, 0)
        handle = [(0, 0.012 * tall, 0.03 * tall), (1, 0.012 * tall, 0.06 * tall)]
        canvas.tube((hand, top), handle, fabric)
        profile = [(0, 0.035 * tall, 0.075 * tall), (1, 0.040 * tall, 0.092 * tall)]
        canvas.tube((top, bottom), profile, fabric, rounded=False)
