"""Kill a process that writes to a gallery at random moments, and check that nothing is lost or half there.

Exit status 0: after every kill the gallery had exactly what was done and acknowledged before, or that and all
of the one step that was under way; every checksum was right; and so it was for a reader at any time between.
"""

import argparse
import dataclasses
import json
import multiprocessing
import os
import random
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count, islice
from pathlib import Path

import mdpr  # noqa: F401 -- before fastreid, which it mends

if __name__ == "__main__":  # run as a file, which puts its own folder on the path
    sys.path[0] = str(Path(__file__).resolve().parents[1])

# isort: split
import numpy as np
from mdpr.errors import GalleryError
from mdpr.inference.gallery import Gallery
from mdpr.inference.gallery.storage import Storage

DIMENSION = 32
SECONDS = 0.4  # the longest that a writer lives

State = dict[str, tuple[str | None, bytes, bytes, bytes]]  # of each id: person, metadata, thumbnail, features


@dataclass(frozen=True)
class Step:
    """What a writer does: adds images, removes some, or compacts where there are neither."""

    added: State = field(default_factory=dict)
    removed: tuple[str, ...] = ()

    def on(self, gallery: Gallery) -> None:
        if self.added:
            persons, metadata, thumbnails, features = zip(*self.added.values(), strict=True)
            matrix = np.frombuffer(b"".join(features), np.float32).reshape(-1, DIMENSION)
            facts = [json.loads(text) for text in metadata]
            gallery.add(matrix, [*self.added], person=persons, metadata=facts, thumbnails=thumbnails)
        elif self.removed:
            gallery.remove(self.removed)
        else:
            gallery.compact()


def steps() -> Iterator[tuple[Step, State]]:
    """The steps of every writer, always the same, each with the images that are there before it."""
    state: State = {}
    for number in count():
        draw = random.Random(number)
        if number % 16 == 15:
            step = Step()
        elif number % 4 == 3:
            step = Step(removed=tuple(draw.sample(sorted(state), min(len(state), 25))))
        else:
            step = Step(
                {f"{number}/{place}": _image(number, place, draw) for place in range(draw.randint(1, 40))}
            )
        yield step, state
        state = {key: value for key, value in {**state, **step.added}.items() if key not in step.removed}


def _image(number: int, place: int, draw: random.Random) -> tuple[str | None, bytes, bytes, bytes]:
    vector = np.random.default_rng([number, place]).integers(-1, 2, DIMENSION).astype(np.float32)
    vector[:] = [0.5, 0.5, 0.5, 0.5, *[0] * (DIMENSION - 4)]  # of norm 1 to the last bit
    np.random.default_rng([number, place]).shuffle(vector)
    person = draw.choice([None, f"person {draw.randint(0, 9)}"])
    return (
        person,
        json.dumps({"step": number}).encode(),
        draw.randbytes(draw.randint(0, 3000)),
        vector.tobytes(),
    )


def content(path: Path) -> State:
    """What a gallery has, as a reader that has just come finds it."""
    with Gallery.open(path) as gallery:
        generation = gallery.info(verify=True)["generation"]
    try:
        storage = Storage(path, generation, DIMENSION)
        storage.refresh()
    except FileNotFoundError:  # compacted meanwhile
        return content(path)
    found: State = {}
    for features, ids, persons, extras in storage.live_images():
        rows = zip(ids, persons, extras[::2], extras[1::2], features, strict=True)
        found |= {key: (*facts, vector.tobytes()) for key, *facts, vector in rows}
    return found


@dataclass
class Outcome:
    """Of each kill how many steps were done, and whether it hit a write; and what was wrong."""

    kills: list[dict[str, int | bool]] = field(default_factory=list)
    readings: int = 0
    problems: list[str] = field(default_factory=list)
    seconds: float = 0.0


class CrashTest:
    """Writers on a gallery in ``folder``, killed one after another at moments that ``seed`` decides."""

    def __init__(self, folder: Path, seed: int = 0) -> None:
        self._path, self._random = folder / "gallery", random.Random(seed)
        self._states: list[State] = []
        self._steps = steps()
        self._done = 0

    def run(self, kills: int) -> Outcome:
        began, outcome = time.monotonic(), Outcome()
        Gallery.create(self._path, dimension=DIMENSION).close()
        for _ in range(kills):
            self._kill_one(outcome)
        outcome.seconds = time.monotonic() - began
        return outcome

    def _kill_one(self, outcome: Outcome) -> None:
        acknowledged, writes = os.pipe()
        os.set_blocking(acknowledged, False)
        writer = multiprocessing.get_context("fork").Process(
            target=_write, args=(self._path, self._done, writes)
        )
        writer.start()
        os.close(writes)
        first = 0
        while len(outcome.kills) % 2 and not first and writer.is_alive():  # half of them amid its steps
            time.sleep(0.001)
            first = _waiting(acknowledged)
        self._done += first
        until = time.monotonic() + self._random.uniform(0, SECONDS)
        while time.monotonic() < until:
            before = self._done
            found = self._read(outcome)
            self._done += _waiting(acknowledged)
            outcome.readings += 1
            self._compare(found, range(before, self._done + 2), "a reader", outcome)
        writer.kill()
        writer.join()
        self._done += _waiting(acknowledged)
        os.close(acknowledged)
        torn = self._is_torn()
        reached = self._compare(
            self._read(outcome), range(self._done, self._done + 2), "after a kill", outcome
        )
        self._done = self._done if reached is None else reached
        outcome.kills.append({"steps": self._done, "in_write": torn})

    def _read(self, outcome: Outcome) -> State:
        try:
            return content(self._path)
        except GalleryError as error:
            outcome.problems.append(str(error))
            return {}

    def _compare(self, found: State, numbers: range, where: str, outcome: Outcome) -> int | None:
        """After how many of these steps this is what there is."""
        self._states += [
            state for _, state in islice(self._steps, max(0, numbers[-1] + 1 - len(self._states)))
        ]
        fitting = [number for number in numbers if self._states[number] == found]
        if not fitting:
            outcome.problems.append(
                f"{where}: {len(found)} images, but {len(self._states[numbers[0]])} after {numbers[0]} steps"
            )
        # To compact changes nothing that can be seen: it is done once more.
        return fitting[0] if fitting else None

    def _is_torn(self) -> bool:
        """Whether something is there that does not count, in the gallery's files or beside them."""
        facts = json.loads((self._path / "gallery.json").read_text())
        storage = Storage(self._path, facts["generation"], DIMENSION)
        storage.refresh()
        longer = any(
            file.stat().st_size > size for file, size in zip(storage.files, storage.sizes, strict=True)
        )
        return longer or len(list(self._path.iterdir())) > len(storage.files) + 2


def _write(path: Path, done: int, acknowledge: int) -> None:
    """In the process to be killed: go on behind the first ``done`` steps for ever."""
    gallery = Gallery.open(path)
    for step, _ in islice(steps(), done, None):
        step.on(gallery)
        os.write(acknowledge, b".")


def _waiting(pipe: int) -> int:
    """Bytes that wait in a pipe."""
    try:
        return len(os.read(pipe, 1 << 16))
    except BlockingIOError:
        return 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0, help="of the moments")
    parser.add_argument("--json", type=Path, help="write the outcome to this file")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="gallery_crash_") as folder:
        outcome = CrashTest(Path(folder), arguments.seed).run(arguments.kills)
    for problem in outcome.problems:
        print(problem)
    kills, problems = outcome.kills, len(outcome.problems)
    in_write = sum(kill["in_write"] for kill in kills)
    print(
        f"{len(kills)} kills, {in_write} in a write; {kills[-1]['steps']} steps, "
        f"{outcome.readings} readings beside a writer, {problems} problems, {outcome.seconds:.0f} s"
    )
    if arguments.json is not None:
        arguments.json.write_text(json.dumps(dataclasses.asdict(outcome), indent=2) + "\n")
    return 1 if outcome.problems else 0


if __name__ == "__main__":
    sys.exit(main())
