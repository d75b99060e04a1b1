"""What README shows of a trained model runs as it stands there."""

import re

import numpy as np
import pytest
from mdpr.engine.network import build_network
from mdpr.inference.packing import pack
from mdpr.inference.sources import from_config
from PIL import Image
from support.configs import ONE_BRANCH, ROOT, tiny_config
from support.peers import peer


def blocks(page, heading):
    section = page.read_text(encoding="utf-8").split(f"## {heading}\n")[1].split("\n## ")[0]
    return re.findall(r"```python\n(.*?)```", section, re.DOTALL)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    cfg = tiny_config(*ONE_BRANCH)
    pack(from_config(cfg, build_network(cfg)), tmp_path / "model.safetensors")
    pixels = np.random.default_rng(0).integers(0, 256, (3, 64, 32, 3)).astype(np.uint8)
    for name, image in zip("abc", pixels, strict=True):
        Image.fromarray(image).save(tmp_path / f"{name}.jpg")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_distances(folder, capsys):
    code = blocks(ROOT / "README.md", "Use a trained model")[0]
    assert len(code.strip().splitlines()) <= 7  # six lines and a blank one
    names = {}
    exec(code, names)
    printed = capsys.readouterr().out
    for line, other in zip(printed.splitlines(), "bc", strict=True):
        name, _, distance = line.partition(": ")
        assert name == f"a and {other}"
        assert float(distance) == pytest.approx(1 - names["a"] @ names[other], abs=1e-6)


def test_tracker(folder, capsys):
    cv2 = peer("cv2")
    peer("deep_sort_realtime")
    code = blocks(ROOT / "README.md", "Use a trained model")[1]
    assert sum(bool(line) for line in code.splitlines()) == 12
    frames = np.random.default_rng(0).integers(0, 256, (4, 96, 128, 3), np.uint8)
    boxes = ("10,10,30,80", "70,10,30,80")  # of two people who stand still
    (folder / "img1").mkdir()
    for number, frame in enumerate(frames, 1):
        cv2.imwrite(f"img1/{number:06d}.jpg", frame)
    lines = [f"{number},-1,{box},0.9" for number in range(1, 5) for box in boxes]
    (folder / "det.txt").write_text("\n".join(lines))
    exec(code, {})
    printed = [line.split()[:2] for line in capsys.readouterr().out.splitlines()]
    assert printed == [[str(number), person] for number in range(1, 5) for person in "12"]
