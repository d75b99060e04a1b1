"""The blocks of docs/trackers.md, copied from the page, run."""

import re

import numpy as np
import pytest
import torch
from PIL import Image
from support.configs import ROOT
from support.embedders import ColourEmbedder
from support.peers import peer

TEXT = (ROOT / "docs/trackers.md").read_text(encoding="utf-8")
BLOCKS = dict(re.findall(r"\n## (\S+)\n((?:(?!\n## ).)*?```python\n.*?)(?=\n## |\Z)", TEXT, re.DOTALL))
FRAMES = list(np.random.default_rng(0).integers(0, 256, (4, 96, 128, 3), np.uint8))
BOXES = np.float32([[10, 10, 40, 90], [70, 10, 100, 90]])


class Counting(ColourEmbedder):
    def __init__(self):
        self.rows = 0

    def __call__(self, *args, **kwargs):
        features = super().__call__(*args, **kwargs)
        self.rows += len(features)
        return features


def run(section):
    """What a section's blocks leave behind, and how many features they made."""
    embedder = Counting()
    names = {"embedder": embedder, "frames": FRAMES, "detect": lambda frame: BOXES}
    for block in re.findall(r"```python\n(.*?)```", BLOCKS[section], re.DOTALL):
        exec(block, names)
    return names, embedder.rows


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_every_section_is_tried():
    assert set(BLOCKS) == {"BoxMOT", "Ultralytics", "deep-sort-realtime", "Roboflow", "torchreid"}


def test_boxmot():
    peer("boxmot")
    names, rows = run("BoxMOT")
    assert rows == 2 * len(FRAMES)
    np.testing.assert_allclose(sorted(names["tracks"][:, :4].tolist()), BOXES, atol=2)


def test_ultralytics(folder):
    write_detector(folder / "yolo26n.pt")
    write_video(folder / "street.mp4")
    names, rows = run("Ultralytics")
    assert len(names["results"]) == len(FRAMES) and rows > 0
    assert names["results"][-1].boxes.is_track


def write_detector(file):
    """A YOLO without training, which finds people everywhere."""
    model = peer("ultralytics").YOLO("yolo26n.yaml")
    with torch.no_grad():
        for name, parameter in model.model.model[-1].named_parameters():
            if re.fullmatch(r"(one2one_)?cv3\.\d\.2\.bias", name):
                parameter[0] = 2.0
    model.save(file)


def write_video(file):
    cv2 = peer("cv2")
    writer = cv2.VideoWriter(str(file), cv2.VideoWriter_fourcc(*"mp4v"), 10, FRAMES[0].shape[1::-1])
    for frame in FRAMES:
        writer.write(frame)
    writer.release()


def test_deep_sort_realtime():
    peer("deep_sort_realtime")
    names, rows = run("deep-sort-realtime")
    assert rows == 2 * len(FRAMES)
    assert names["track"].is_confirmed()


def test_roboflow(folder):
    peer("supervision")
    peer("reid")
    for person in range(2):
        (folder / f"people/{person}").mkdir(parents=True)
        for image in range(3):
            colour = Image.new("RGB", (16, 48), (200 * person, 20 * image, 100))
            colour.save(folder / f"people/{person}/{image}.png")
    names, rows = run("Roboflow")
    assert rows == 2 * len(FRAMES) + 6
    assert names["detections"].data["embedding"].shape == (2, ColourEmbedder.dimension)
    assert names["result"].metrics["rank1"] == pytest.approx(100)


def test_torchreid(folder):
    for name in ("first.jpg", "second.jpg"):
        Image.fromarray(FRAMES[0]).save(folder / name)
    names, _ = run("torchreid")
    assert names["features"].shape == (2, ColourEmbedder.dimension)
