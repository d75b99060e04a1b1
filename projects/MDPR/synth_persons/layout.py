"""Which images make SynthPersons, and what their files are called (as in Market-1501)."""

from collections.abc import Iterator
from dataclasses import dataclass

from synth_persons.photo import Shot, Subject
from synth_persons.spec import Stream, SynthPersonsSpec, stream

TRAIN, QUERY, GALLERY = "bounding_box_train", "query", "bounding_box_test"
FOLDERS = (TRAIN, QUERY, GALLERY)
JUNK, DISTRACTOR = -1, 0
"""Labels of the gallery images that are to be ignored, and of those that match no query."""


@dataclass(frozen=True)
class Entry:
    """One file of the set.

    Attributes:
        folder: One of `FOLDERS`.
        label: Identity in the file name; `JUNK` and `DISTRACTOR` are no identities.
        frame: Number that keeps the names of one label and camera apart, from 1.
        shot: What the file shows.
    """

    folder: str
    label: int
    frame: int
    shot: Shot

    @property
    def name(self) -> str:
        """File name: identity, camera, sequence, frame, box."""
        label = "-1" if self.label == JUNK else f"{self.label:04d}"
        return f"{label}_c{self.shot.camera}s1_{self.frame:06d}_00.jpg"


def plan(spec: SynthPersonsSpec) -> list[Entry]:
    """Return every file of the set.

    Train identities are numbered first, test identities follow, then come the passers-by of
    the distractors, who have no other images.

    Raises:
        ValueError: If file names cannot hold the cameras or identities of `spec`.
    """
    if spec.cameras > 9:
        raise ValueError(f"spec.cameras is {spec.cameras}, but a Market-1501 file name has one digit for it.")
    if spec.train_identities + spec.test_identities > 9999:
        raise ValueError("A Market-1501 file name has four digits for at most 9999 identities.")
    return [*_train(spec), *_query(spec), *_gallery(spec), *_distractors(spec), *_junk(spec)]


def _cameras(spec: SynthPersonsSpec) -> range:
    return range(1, spec.cameras + 1)


def _test_identities(spec: SynthPersonsSpec) -> range:
    first = spec.train_identities + 1
    return range(first, first + spec.test_identities)


def _train(spec: SynthPersonsSpec) -> Iterator[Entry]:
    for identity in range(1, spec.train_identities + 1):
        for camera in _cameras(spec):
            for index in range(spec.train_images_per_camera):
                yield Entry(TRAIN, identity, index + 1, Shot(identity, camera, index))


def _query(spec: SynthPersonsSpec) -> Iterator[Entry]:
    index = spec.gallery_images_per_camera  # the one after the gallery's images
    for identity in _test_identities(spec):
        order = stream(spec.seed, Stream.LAYOUT, identity).permutation(_cameras(spec))
        for camera in sorted(int(number) for number in order[: spec.query_cameras]):
            yield Entry(QUERY, identity, index + 1, Shot(identity, camera, index))


def _gallery(spec: SynthPersonsSpec) -> Iterator[Entry]:
    for identity in _test_identities(spec):
        for camera in _cameras(spec):
            for index in range(spec.gallery_images_per_camera):
                yield Entry(GALLERY, identity, index + 1, Shot(identity, camera, index))


def _distractors(spec: SynthPersonsSpec) -> Iterator[Entry]:
    """Every other one is a false detection, the rest are passers-by seen once."""
    first = spec.train_identities + spec.test_identities + 1
    for number in range(spec.distractors):
        camera = number // 2 % spec.cameras + 1
        subject = Subject.NOBODY if number % 2 else Subject.PERSON
        yield Entry(GALLERY, DISTRACTOR, number + 1, Shot(first + number, camera, 0, subject))


def _junk(spec: SynthPersonsSpec) -> Iterator[Entry]:
    people = _test_identities(spec)
    for number in range(spec.junk):
        camera = number % spec.cameras + 1
        identity = people[number % len(people)]
        shot = Shot(identity, camera, number, Subject.FRAGMENT)
        yield Entry(GALLERY, JUNK, number + 1, shot)
