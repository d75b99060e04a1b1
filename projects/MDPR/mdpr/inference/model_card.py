"""What a model file says of itself, for people and for programs."""

import json
from collections.abc import Mapping
from typing import Any, Final

from tabulate import tabulate

from mdpr.engine.results import SCORE_NAMES
from mdpr.inference.model_file import ModelFile

_MARKDOWN, _TEXT = "markdown", "text"
FORMATS: Final = (_TEXT, _MARKDOWN, "json")
_NOT_STATED = "not stated"


def describe(file: ModelFile, form: str = _TEXT) -> str:
    """A model card.

    Args:
        file: read by `read_model_file`.
        form: one of `FORMATS`.

    Returns:
        Several lines; the whole metadata for "json".
    """
    if form == "json":
        return json.dumps({**file.metadata, "sha256": file.checksum}, indent=2, sort_keys=True)
    sections = _sections(file)
    if form == _TEXT:
        return "\n\n".join(f"{title}\n{tabulate(rows, tablefmt='plain')}" for title, rows in sections.items())
    cards = [
        f"## {title}\n\n{tabulate(rows, headers=('', ''), tablefmt='github')}"
        for title, rows in sections.items()
    ]
    return "\n\n".join([f"# {file.path.name}", *cards])


def _sections(file: ModelFile) -> dict[str, list[tuple[str, str]]]:
    content = file.metadata
    data, images = content["training_data"], content["preprocessing"]
    height, width = images["size"]
    sections = {
        "Model": [
            ("description", content.get("description") or _NOT_STATED),
            ("licence", content["licence"] or _NOT_STATED),
            ("made with", ", ".join(f"{k} {v}" for k, v in content["code_version"].items() if v)),
            ("trained on", f"{', '.join(data['names']) or _NOT_STATED}, {data['identities']} identities"),
            ("file", f"{file.path.stat().st_size / 1e6:.1f} MB, SHA-256 {file.checksum}"),
            ("fingerprint", content["fingerprint"]),
        ],
        "Images": [
            ("size", f"{height} x {width} (height x width), {images['interpolation']}"),
            ("pixels", f"{images['color'].upper()}, {images['range'][0]}..{images['range'][1]}"),
            ("mean, std", f"{images['mean']}, {images['std']}; applied by the network"),
            ("mirrored too", "yes" if images["flip"] else "no"),
        ],
        f"Embedding, {content['dimension']} numbers": [
            (part["name"], f"{part['start']}..{part['stop'] - 1}") for part in content["layout"]
        ],
        "Scores": [(name, _scores(values)) for name, values in content["metrics"].items()],
    }
    calibration = content["calibration"]
    sections["Calibration"] = [("", "none: `mdpr calibrate` adds one")] if calibration is None else [
        (key, str(value)) for key, value in calibration.items() if not isinstance(value, (list, dict))
    ]  # fmt: skip
    return {title: rows for title, rows in sections.items() if rows}


def _scores(values: Mapping[str, Any]) -> str:
    return ", ".join(f"{metric} {values[metric]:.2f}" for metric in SCORE_NAMES if metric in values)
