"""What a gallery keeps, what it refuses, and who may write it."""

import io
import signal
import subprocess
import sys
import threading

import mdpr
import numpy as np
import pytest
from mdpr.engine.network import build_network
from mdpr.errors import GalleryError, MDPRError
from mdpr.inference.gallery import Gallery
from PIL import Image
from support.configs import tiny_config
from support.processes import PACKAGE

FEATURES = np.random.default_rng(0).standard_normal((6, 4)).astype(np.float32)


class Embedder:
    """Mean colours of a picture's two halves."""

    dimension, batch_size, fingerprint, calibration = 6, 2, "colours", None

    def __call__(self, images):
        pictures = [
            np.asarray(Image.open(image) if isinstance(image, str) else image, np.float32) for image in images
        ]
        halves = [
            np.concatenate([part.mean((0, 1)) for part in np.array_split(each, 2)]) for each in pictures
        ]
        return np.array(halves, np.float32).reshape(-1, 6) + 1


@pytest.fixture
def gallery(tmp_path):
    return Gallery.create(tmp_path / "gallery", dimension=4, fingerprint="one")


def test_what_is_added_comes_back(gallery):
    facts = [{"camera": 3, "note": "ü\n"}, None, {}]
    gallery.add(
        FEATURES[:3],
        ["a", "b\n", "ü"],
        person="p",
        metadata=facts,
        thumbnails=[b"x", b"", b"yz"],
        fingerprint="one",
    )
    gallery.add(FEATURES[3:5], ["d", "e"], fingerprint="one")
    gallery.add(FEATURES[:0], [], fingerprint="one")
    for each in (gallery, Gallery.open(gallery.path)):
        found = [answer.matches[0] for answer in each.query(FEATURES[:5], fingerprint="one", by="image")]
        assert [match.id for match in found] == ["a", "b\n", "ü", "d", "e"]
        assert [match.metadata for match in found] == [facts[0], {}, {}, {}, {}]
        assert [match.thumbnail for match in found] == [b"x", b"", b"yz", b"", b""]
        assert [match.person for match in found] == ["p"] * 3 + [None] * 2
        assert len(each) == 5 and each.ids_of("p") == ["a", "b\n", "ü"]


def test_removed_images_are_gone_and_their_bytes_with_compact(gallery):
    gallery.add(
        FEATURES,
        list("abcdef"),
        person="p",
        thumbnails=[b"picture %d" % n for n in range(6)],
        fingerprint="one",
    )
    reader = Gallery.open(gallery.path)
    gallery.remove(["b", "e", "b"])
    assert len(reader) == 4
    assert all(b"picture 1" in file.read_bytes() for file in gallery.path.glob("extras-*"))
    gallery.add(FEATURES[:1], ["b"], fingerprint="one")
    gallery.compact(index="HNSW8")
    assert not any(b"picture 1" in file.read_bytes() for file in gallery.path.glob("extras-*"))
    for each in (gallery, reader, Gallery.open(gallery.path)):
        info = each.info(verify=True)
        assert (info["images"], info["removed"], info["generation"], info["indexed"]) == (5, 0, 2, 5)
        assert each.ids_of("p") == ["a", "c", "d", "f"]
    assert len([*gallery.path.iterdir()]) == 6  # of one generation, the index, gallery.json and the lock


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"ids": list("abca")}, "two images 'a'"),
        ({"ids": list("abcx")}, "two images 'x'"),
        ({"ids": list("abc")}, "4 features, 3 ids"),
        ({"person": ["p"]}, "4 ids, 1 persons"),
        ({"fingerprint": "other"}, "of model one; these are of other"),
        ({"fingerprint": None}, "without a fingerprint"),
        ({"source": FEATURES[:4, :3]}, "dimension 4, these have 3"),
        ({"source": FEATURES[:4] * 0}, "zero norm"),
        ({"source": np.full((4, 4), np.nan)}, "NaN"),
        ({"source": ["a.jpg"] * 4}, "images need a model"),
    ],
)
def test_what_does_not_fit_is_refused_and_nothing_added(gallery, arguments, message):
    gallery.add(FEATURES[:1], ["x"], fingerprint="one")
    arguments = {"source": FEATURES[:4], "ids": list("abcd"), "fingerprint": "one", **arguments}
    with pytest.raises(MDPRError, match=message):
        gallery.add(**arguments)
    assert len(gallery) == 1


def test_what_is_not_there_cannot_be_removed(gallery):
    gallery.add(FEATURES[:1], ["x"], fingerprint="one")
    with pytest.raises(GalleryError, match="no image 'y'"):
        gallery.remove(["x", "y"])
    assert len(gallery) == 1


def test_a_gallery_is_made_where_nothing_is_lost(tmp_path, gallery):
    for wrong, message in (
        (lambda: Gallery.create(gallery.path, dimension=4), "is not empty"),
        (lambda: Gallery.create(tmp_path / "new", dimension=4, index="IVFX"), "'IVFX'"),
        (lambda: Gallery.create(tmp_path / "new"), "dimension is None"),
        (lambda: Gallery.open(tmp_path / "new"), "is no gallery"),
        (lambda: Gallery.open(gallery.path, Embedder()), "of model one; these are of colours"),
    ):
        with pytest.raises(GalleryError, match=message):
            wrong()
    text = (gallery.path / "gallery.json").read_text()
    (gallery.path / "gallery.json").write_text(text.replace('"format": 1', '"format": 2'))
    with pytest.raises(GalleryError, match="format 2: this version reads 1"):
        Gallery.open(gallery.path)


def test_images_get_features_and_thumbnails(tmp_path):
    pictures = [Image.new("RGB", (64, 128), colour) for colour in ("red", "lime", "blue")]
    pictures[0].save(tmp_path / "red.png")
    with Gallery.create(tmp_path / "gallery", Embedder()) as gallery:
        gallery.add(
            [str(tmp_path / "red.png"), pictures[1], np.asarray(pictures[2])], ["r", "g", "b"], person="p"
        )
        (answer,) = gallery.query([Image.new("RGB", (32, 64), "green")], by="image", top_k=1)
    assert answer.matches[0].id == "g"
    thumbnail = Image.open(io.BytesIO(answer.matches[0].thumbnail))
    assert thumbnail.format == "JPEG" and thumbnail.getpixel((5, 5))[1] > 240


def test_the_threshold_of_the_model_counts(tmp_path):
    embedder = Embedder()
    embedder.calibration = type("Calibration", (), {"threshold": 0.9})
    gallery = Gallery.create(tmp_path / "gallery", embedder)
    gallery.add([Image.new("RGB", (8, 16), "red")], ["r"], person="p")
    assert [
        answer.unknown
        for answer in gallery.query([Image.new("RGB", (8, 16), each) for each in ("red", "blue")])
    ] == [False, True]
    assert not gallery.query([Image.new("RGB", (8, 16), "blue")], threshold=-1)[0].unknown


def test_an_index_is_built_as_images_come(tmp_path):
    features = np.random.default_rng(0).standard_normal((3000, 4))
    gallery = Gallery.create(tmp_path / "gallery", dimension=4, index="IVF4,Flat", tuning="nprobe=4")
    reader = Gallery.open(tmp_path / "gallery")
    for start, indexed in ((0, 0), (1000, 2000), (2000, 2000)):
        rows = range(start, start + 1000)
        gallery.add(features[rows], [str(row) for row in rows])
        assert gallery.info()["indexed"] == reader.info()["indexed"] == indexed
    found = reader.query(features[::100], top_k=1)
    assert [answer.matches[0].id for answer in found] == [str(row) for row in range(0, 3000, 100)]
    (gallery.path / "index-1.faiss").write_bytes(b"damaged")
    with pytest.raises(GalleryError, match=r"index-1\.faiss, tuning 'nprobe=4'"):
        reader.info()


HOLD = """
import sys, time
sys.path.insert(0, {package!r})
import importlib.util, types
for name in ("mdpr", "mdpr.inference", "mdpr.inference.gallery"):  # without the seconds that its import takes
    sys.modules[name] = types.ModuleType(name)
    sys.modules[name].__path__ = [{package!r} + "/" + name.replace(".", "/")]
from pathlib import Path
from mdpr.inference.gallery.lock import writer_lock
with writer_lock(Path(sys.argv[1]), 0):
    print("held", flush=True)
    time.sleep(60)
"""


def test_a_second_writer_is_told_who_holds_it(gallery):
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD.format(package=str(PACKAGE)), gallery.path],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert holder.stdout.readline() == "held\n"
    second = Gallery.open(gallery.path, wait=0.05)
    with pytest.raises(
        GalleryError, match=rf"is being written by process {holder.pid} on \S+ since \d{{4}}-"
    ):
        second.add(FEATURES[:1], ["x"], fingerprint="one")
    assert len(second) == 0
    holder.send_signal(signal.SIGKILL)
    holder.communicate()
    second.add(FEATURES[:1], ["x"], fingerprint="one")  # the lock went with its process
    assert len(gallery) == 1


def test_threads_write_one_after_another(gallery):
    def add(number):
        for place in range(5):
            Gallery.open(gallery.path).add(FEATURES[:1], [f"{number} {place}"], fingerprint="one")

    threads = [threading.Thread(target=add, args=[number]) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(gallery) == 20 and gallery.info(verify=True)["images"] == 20


def test_a_networks_images_find_themselves(tmp_path):
    embedder = mdpr.Embedder((tiny_config(), build_network(tiny_config())), batch_size=2)
    pixels = np.random.default_rng(0).integers(0, 256, (3, 90, 50, 3)).astype(np.uint8)
    gallery = mdpr.Gallery.create(tmp_path / "gallery", embedder)
    gallery.add(pixels, ["a", "b", "c"], person=["p", "q", None])
    Image.fromarray(pixels[1]).save(tmp_path / "b.png")
    (answer,) = gallery.query(tmp_path / "b.png", threshold=0.99)
    assert (answer.person, answer.matches[0].id) == ("q", "b")
    assert gallery.info()["fingerprint"] == embedder.fingerprint
    with pytest.raises(GalleryError, match=f"of model {embedder.fingerprint}; these are of .*-bf16"):
        mdpr.Gallery.open(gallery.path, mdpr.Embedder((tiny_config(), embedder.network), precision="bf16"))
