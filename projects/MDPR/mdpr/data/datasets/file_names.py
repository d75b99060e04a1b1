"""Identity and camera out of file names, and lists of files that are the same on every machine."""

import re
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class FileNames:
    """How a data set writes identity and camera into its file names.

    Args:
        pattern: matched at the start of the name; its groups are identity and, if cameras are named,
            camera.
        example: a name that follows the pattern, for messages.
        max_identity: the largest identity, or None for no limit.
        cameras: number of cameras; names count them from 1. 0 where names state no camera.
    """

    pattern: re.Pattern[str]
    example: str
    max_identity: int | None = None
    cameras: int = 0

    def parse(self, name: str) -> tuple[int, int]:
        """Identity (-1 or more) and camera (counted from 0) of a file name.

        Raises:
            ValueError: the name does not follow the pattern, or a number is out of range.
        """
        match = self.pattern.match(name)
        if match is None:
            raise ValueError(f"it does not match {self.pattern.pattern}")
        identity = int(match.group(1))
        if self.max_identity is not None and identity > self.max_identity:
            raise ValueError(f"identity {identity} is more than {self.max_identity}")
        if not self.cameras:
            return identity, 0
        camera = int(match.group(2))
        if not 1 <= camera <= self.cameras:
            raise ValueError(f"camera {camera} is not between 1 and {self.cameras}")
        return identity, camera - 1


def files_with_suffix(folder: Path, *suffixes: str) -> list[Path]:
    """Files of a folder with one of the suffixes (lower case, with the dot; any case matches), sorted by
    name: file systems list them in different orders. Hidden files are left out.

    Raises:
        OSError: the folder cannot be listed.
    """
    return sorted(
        path for path in folder.iterdir() if path.suffix.lower() in suffixes and not path.name.startswith(".")
    )
