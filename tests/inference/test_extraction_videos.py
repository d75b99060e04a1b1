"""Extraction from videos, against frames decoded one after the other."""

import sys

import numpy as np
import pytest
from mdpr.errors import InputError
from mdpr.inference.extraction import extract, rows_of
from support.fake_embedder import FakeEmbedder

# frame, identity, left, top, width, height, confidence: sorted by identity, as ground truth is.
BOXES = """\
1,7,4,4,10,20,0.9
3,7,5.4,4,10,20,0.9
10,7,-5,4,15,100,0.9
99,7,4,4,10,20,0.9
2,8,20,4,10,20,0.9
3,8,60,4,10,20,0.9
10,8,30,4,10,20,0.9
"""
ORDER = [(1, 7), (2, 8), (3, 7), (3, 8), (10, 7), (10, 8), (99, 7)]


@pytest.fixture(scope="module")
def video(tmp_path_factory):
    """Ten frames of 48 x 32, and themselves as they are decoded."""
    av = pytest.importorskip("av", reason="the extra [video]")
    folder = tmp_path_factory.mktemp("video")
    noise = np.random.default_rng(0)
    with av.open(folder / "walk.mkv", "w") as container:
        stream = container.add_stream("mpeg4", rate=10)
        stream.width, stream.height, stream.pix_fmt = 48, 32, "yuv420p"
        for _ in range(10):
            pixels = noise.integers(0, 256, (4, 6, 3), np.uint8).repeat(8, 0).repeat(8, 1)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels)))
        container.mux(stream.encode())
    with av.open(folder / "walk.mkv") as container:
        frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    assert len(frames) == 10
    (folder / "walk.txt").write_text(BOXES)
    return folder / "walk.mkv", frames


def expected(pictures):
    features = np.array([FakeEmbedder()(picture) for picture in pictures])
    return features / np.linalg.norm(features, axis=1, keepdims=True)


@pytest.mark.parametrize("workers", [0, 2])
def test_boxes_come_frame_by_frame(video, tmp_path, workers):
    path, frames = video
    rows = rows_of([path], boxes=[path.with_suffix(".txt")])
    assert [(row.frame, row.track) for row in rows] == ORDER
    result = extract(rows, tmp_path / "f.npz", FakeEmbedder(batch_size=2), workers=workers)
    assert [name for name, _ in result.failed] == [f"{path} frame 3", f"{path} frame 99"]
    assert result.failed[0][1].startswith("box 0 is [60.0, 4.0, 70.0, 24.0]: it has no pixel")
    assert result.failed[1][1] == "it ends behind frame 10"
    boxes = [(0, 4, 14), (1, 20, 30), (2, 5, 15), (9, 0, 10), (9, 30, 40)]
    crops = [
        frames[frame][4 : 32 if frame == 9 and not left else 24, left:right] for frame, left, right in boxes
    ]
    with np.load(tmp_path / "f.npz") as file:
        np.testing.assert_allclose(file["features"], expected(crops), rtol=1e-5, atol=1e-6)
        assert file["frame"].tolist() == [1, 2, 3, 10, 10]
        assert file["track"].tolist() == [7, 8, 7, 7, 8]
        np.testing.assert_array_equal(file["box"][3], [-5, 4, 10, 104])
        assert set(file["name"]) == {str(path)}


def test_whole_frames(video, tmp_path):
    path, frames = video
    extract(rows_of([path], whole_frames=True), tmp_path / "f.npz", FakeEmbedder())
    with np.load(tmp_path / "f.npz") as file:
        np.testing.assert_allclose(file["features"], expected(frames), rtol=1e-5, atol=1e-6)
        assert file["frame"].tolist() == [*range(1, 11)]


def test_a_video_that_breaks_off_is_no_end(video, tmp_path):
    path = tmp_path / "walk.mkv"
    path.write_bytes(b"no video")
    (row,) = rows_of([path], whole_frames=True)
    with pytest.raises(
        InputError, match=r"none of 1 images .* frame 1: it cannot be decoded \(.*behind frame 0"
    ):
        extract([row], tmp_path / "f.npz", FakeEmbedder())


@pytest.mark.parametrize(
    ("text", "message"),
    [("1,1,2,3\n", "each line must be frame,id,left,top"), ("0,1,2,3,4,5\n", "frames count from 1")],
)
def test_boxes_that_do_not_parse_are_named(video, tmp_path, text, message):
    (tmp_path / "boxes.txt").write_text(text)
    with pytest.raises(InputError, match=message) as error:
        rows_of([video[0]], boxes=[tmp_path / "boxes.txt"])
    assert "boxes.txt" in str(error.value)


def test_the_missing_extra_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "av", None)
    (tmp_path / "a.mp4").touch()
    with pytest.raises(InputError, match=r"pip install 'mdpr\[video\]'"):
        rows_of([tmp_path / "a.mp4"], whole_frames=True)
