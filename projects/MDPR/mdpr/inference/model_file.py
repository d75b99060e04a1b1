"""One file that a model travels in: weights in SafeTensors, and in its metadata all that using them takes.

The metadata has two entries. ``mdpr`` is JSON (config, preprocessing, layout of the feature, training data,
metrics, calibration, licence, version of the code); ``sha256`` is a checksum over all the rest of the file.
Nothing in it is a pickle.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final

import safetensors.torch
import torch
from torch import Tensor

from mdpr.errors import CheckpointError
from mdpr.files import write_atomically

FORMAT: Final = 1
"""Raised when a file can no longer be read by code that knew the format before."""

_CONTENT, _CHECKSUM, _METADATA = "mdpr", "sha256", "__metadata__"
_LENGTH = 8  # bytes of a SafeTensors file that say how long its header is
_MOST_HEADER = 100_000_000  # bytes: SafeTensors' own limit
_PIECE = 1 << 20
_NO_CHECKSUM = b"0" * 64


@dataclass(frozen=True)
class ModelFile:
    """What a model file says of itself; its weights stay on the disk.

    Attributes:
        path: the file.
        metadata: ``format``, ``config``, ``preprocessing``, ``layout``, ``dimension``, ``training_data``,
            ``metrics``, ``calibration``, ``licence``, ``code_version``, ``fingerprint``.
        checksum: SHA-256 of the file, hexadecimal, as it says itself.
    """

    path: Path
    metadata: dict[str, Any]
    checksum: str

    def weights(self) -> dict[str, Tensor]:
        """The weights, on the CPU.

        Raises:
            CheckpointError: the file is not what was written.
        """
        self.verify()
        return safetensors.torch.load_file(self.path)

    def verify(self) -> None:
        """Compare the file with its checksum.

        Raises:
            CheckpointError: the file is not what was written.
        """
        found = _checksum(self.path, self.checksum)
        if found != self.checksum:
            raise CheckpointError(
                f"{self.path} is not what was written: its SHA-256 is {found[:16]}..., and it says "
                f"{self.checksum[:16]}...; get the file again"
            )


def read_model_file(path: str | Path) -> ModelFile:
    """Read what a model file says of itself, and whether all of it is there.

    Raises:
        FileNotFoundError: there is no such file.
        CheckpointError: it is no model file, incomplete, or of a later format.
    """
    path = Path(path)
    if not path.exists():
        raise FileNotFoundError(f"no model file at {path}")
    if path.is_dir():
        raise CheckpointError(f"{path} is a folder: expected a model file; `mdpr pack` makes one of a run")
    text, header = _read_header(path)
    metadata = header[_METADATA]
    if _CONTENT not in metadata or _CHECKSUM not in metadata:
        raise CheckpointError(
            f"{path} has weights alone: expected a model file, as `mdpr pack RUN_DIR OUT.safetensors` writes"
        )
    found, size = path.stat().st_size, _size(text, header)
    if found != size:
        raise CheckpointError(
            f"{path} has {found} bytes and should have {size}: it is incomplete, or something was added; get "
            "the file again"
        )
    try:
        content = json.loads(metadata[_CONTENT])
        form = content.get("format")
    except (ValueError, AttributeError) as error:
        raise CheckpointError(f"{path}: what it says of itself is damaged; get the file again") from error
    if form != FORMAT:
        raise CheckpointError(
            f"{path} is of format {form!r}: this version reads format {FORMAT}; update mdpr"
        )
    return ModelFile(path, content, metadata[_CHECKSUM])


def write_model_file(path: str | Path, weights: Mapping[str, Tensor], metadata: Mapping[str, Any]) -> None:
    """Write a model file, in one step.

    Args:
        path: replaced where it is there.
        weights: by name.
        metadata: plain JSON values; ``format`` is added.
    """
    # With its own memory for each, as SafeTensors shares none.
    content = safetensors.torch.save(
        {name: weight.detach().cpu().contiguous() for name, weight in weights.items()}
    )
    start = _LENGTH + int.from_bytes(content[:_LENGTH], "little")
    header = json.loads(content[_LENGTH:start])
    with memoryview(content) as view:
        _write(Path(path), header, {**metadata, "format": FORMAT}, [view[start:]])


def update_metadata(path: str | Path, **changes: Any) -> None:
    """Change what a model file says of itself; the file is written again, in one step.

    Args:
        path: the model file.
        changes: metadata by key, plain JSON values.

    Raises:
        FileNotFoundError, CheckpointError: as `read_model_file`, and where the file is not what was written.
    """
    model_file = read_model_file(path)
    model_file.verify()  # a new checksum must not vouch for damage
    text, header = _read_header(model_file.path)
    with model_file.path.open("rb") as file:
        file.seek(_LENGTH + len(text))
        _write(model_file.path, header, {**model_file.metadata, **changes}, _pieces(file))


def fingerprint_of(weights: Mapping[str, Tensor], preprocessing: Mapping[str, Any]) -> str:
    """What tells two models apart whose features must not be compared.

    Args:
        weights: of the deployed form, by name.
        preprocessing: as in a model file.

    Returns:
        SHA-256 over names, shapes and values, hexadecimal.
    """
    digest = hashlib.sha256(json.dumps(preprocessing, sort_keys=True).encode())
    for name, weight in sorted(weights.items()):
        digest.update(f"{name} {weight.dtype} {tuple(weight.shape)}".encode())
        flat = weight.detach().cpu().contiguous().reshape(-1)
        digest.update(flat.view(torch.uint8).numpy().data)
    return digest.hexdigest()


def _read_header(path: Path) -> tuple[bytes, dict[str, Any]]:
    """The header of a SafeTensors file, as it stands and as it is meant."""
    with path.open("rb") as file:
        length = int.from_bytes(file.read(_LENGTH), "little")
        text = file.read(length) if length <= _MOST_HEADER else b""
    try:
        header = json.loads(text)
        header.setdefault(_METADATA, {})
        _size(text, header)
    except (ValueError, AttributeError, LookupError, TypeError) as error:  # as of another file's first bytes
        raise CheckpointError(f"{path} is no SafeTensors file, or a part or a damaged one") from error
    return text, header


def _size(text: bytes, header: Mapping[str, Any]) -> int:
    """How many bytes a file with this header has."""
    ends = [entry["data_offsets"][1] for name, entry in header.items() if name != _METADATA]
    return _LENGTH + len(text) + max(ends, default=0)


def _checksum(path: Path, stated: str) -> str:
    """Of all bytes, but that the place of the checksum itself holds zeros."""
    text, _ = _read_header(path)
    digest = hashlib.sha256(text.replace(stated.encode(), _NO_CHECKSUM))
    with path.open("rb") as file:
        file.seek(_LENGTH + len(text))
        for piece in _pieces(file):
            digest.update(piece)
    return digest.hexdigest()


def _write(path: Path, header: dict[str, Any], metadata: dict[str, Any], pieces: Iterable[Any]) -> None:
    """Weights are written first and summed on the way; the checksum's place in the header is filled last."""
    entries = {_CONTENT: json.dumps(metadata, sort_keys=True), _CHECKSUM: _NO_CHECKSUM.decode()}
    text = json.dumps({**header, _METADATA: entries}).encode()
    text += b" " * (-len(text) % _LENGTH)  # weights lie at whole multiples of 8 bytes
    digest = hashlib.sha256(text)
    with write_atomically(path, "wb") as file:
        file.write(len(text).to_bytes(_LENGTH, "little") + text)
        for piece in pieces:
            file.write(piece)
            digest.update(piece)
        file.seek(_LENGTH)
        file.write(text.replace(_NO_CHECKSUM, digest.hexdigest().encode()))


def _pieces(file: IO[bytes]) -> Iterable[bytes]:
    return iter(lambda: file.read(_PIECE), b"")
