"""What a feature is made of, and what is imported only where it is needed."""

from typing import NamedTuple


class Row(NamedTuple):
    """An image, a frame of a video, or a box in either.

    Attributes:
        path: the file.
        person, camera, split: what is known, else "".
        box: x1, y1, x2, y2 in pixels; None for the whole picture.
        frame: of a video, from 1; 0 for an image.
        track: whom a box of a video belongs to; -1 where nobody said.
    """

    path: str
    person: str = ""
    camera: str = ""
    split: str = ""
    box: tuple[float, ...] | None = None
    frame: int = 0
    track: int = -1

    @property
    def name(self) -> str:
        """What it is called in messages."""
        return f"{self.path} frame {self.frame}" if self.frame else self.path
