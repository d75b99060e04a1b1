"""Frames of videos, decoded by PyAV, and boxes in them from MOT text files."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from mdpr.errors import InputError
from mdpr.inference.extraction.row import Row
from mdpr.inference.extras import optional

VIDEO_SUFFIXES = (".avi", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".webm")


def rows_of_video(video: str, boxes: str | Path | None = None) -> list[Row]:
    """The boxes in a video, frame by frame, or its whole frames.

    Args:
        video: the file.
        boxes: a MOT text file, lines of frame (from 1), identity, left, top, width, height in pixels, and
            more that is not read; None for whole frames.

    Raises:
        InputError: PyAV is missing, or a line does not parse.
    """
    if boxes is None:
        return [Row(video, frame=frame) for frame in range(1, VideoReader(video).count() + 1)]
    optional("av", "video")
    try:
        table = np.loadtxt(boxes, delimiter=",", usecols=range(6), ndmin=2)
    except ValueError as error:
        raise InputError(f"{boxes}: {error}: each line must be frame,id,left,top,width,height,...") from error
    if not len(table) or table[:, 0].min() < 1:
        raise InputError(f"{boxes} has {len(table)} boxes, or one in a frame below 1: frames count from 1")
    table[:, 4:] += table[:, 2:4]
    # A file of ground truth is sorted by identity, but a video is read from its first frame on.
    ordered = table[np.argsort(table[:, 0], kind="stable")].tolist()
    return [Row(video, box=(*box,), frame=int(frame), track=int(track)) for frame, track, *box in ordered]


class VideoReader:
    """The frames of a video, asked for in rising order: a step back decodes anew from the start."""

    def __init__(self, path: str) -> None:
        self.path = path
        self._frames = self._decoded()
        self._position, self._end = 0, "it ends"
        self._picture: Any = None

    def read(self, frame: int) -> Image.Image:
        """A frame, counted from 1, in RGB.

        Raises:
            InputError: the video ends before, or cannot be decoded up to there.
        """
        if frame < self._position:
            self.__init__(self.path)  # type: ignore[misc]
        while self._position < frame:
            self._picture = next(self._frames, None)
            if self._picture is None:
                raise InputError(f"{self._end} behind frame {self._position}")
            self._position += 1
        return self._picture.to_image()

    def count(self) -> int:
        """Frames up to the end; where the video breaks off, the one that cannot be read counts too."""
        return sum(1 for _ in self._frames) + (self._end != "it ends")

    def _decoded(self) -> Iterator[Any]:
        av = optional("av", "video")
        try:
            with av.open(self.path) as container:
                container.streams.video[0].thread_type = "AUTO"
                yield from container.decode(video=0)
        except (av.FFmpegError, IndexError) as error:  # the latter: there is no stream of pictures
            self._end = f"it cannot be decoded ({error})"
