"""What is in a ``.wandb`` file: W&B's messages in LevelDB's format of logs, behind a header of their own."""

import json
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

HEADER = 7  # bytes, of the file and of each record
BLOCK = 32768
FULL, LAST = 1, 4


def records(path: Path) -> Iterator[Any]:
    """W&B's records, in order."""
    from wandb.proto.wandb_internal_pb2 import Record  # noqa: PLC0415 (an extra)

    content, place, parts = path.read_bytes(), HEADER, b""
    while place + HEADER <= len(content):
        if BLOCK - place % BLOCK < HEADER:  # no room for a header: zeros
            place += BLOCK - place % BLOCK
            continue
        _, size, kind = struct.unpack_from("<IHB", content, place)
        parts += content[place + HEADER : place + HEADER + size]
        place += HEADER + size
        if kind in (FULL, LAST):
            yield Record.FromString(parts)
            parts = b""


def values(items: Any) -> dict[str, Any]:
    """Of a history, config or summary, by name."""
    return {item.key or "/".join(item.nested_key): json.loads(item.value_json) for item in items}
