"""Reading image files of every mode, and of none."""

import pickle
import warnings

import numpy as np
import pytest
from fastreid.data.data_utils import read_image
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mdpr.data.images import ImageReadError, read_rgb
from mdpr.errors import DatasetError
from PIL import Image
from support.miniatures import Sample, person_image

PERSON = person_image(Sample("train", 1, 1, 0))
PIXELS = np.asarray(PERSON)
GREY = np.asarray(PERSON.convert("L"))


def saved(path, image, **options):
    image.save(path, **options)
    return path


def read(path):
    """Pixels of an image that must be RGB and must not bring a warning."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        image = read_rgb(path)
    assert image.mode == "RGB"
    return np.asarray(image)


def test_jpeg_pixels_are_fastreids(tmp_path):
    path = saved(tmp_path / "a.jpg", PERSON)
    assert np.array_equal(read(path), np.asarray(read_image(str(path))))


def test_grey_is_what_fastreid_makes_of_it(tmp_path):
    path = saved(tmp_path / "a.jpg", PERSON.convert("L"))
    assert np.array_equal(read(path), np.asarray(read_image(str(path))))


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(height=st.integers(1, 40), width=st.integers(1, 40), seed=st.integers(0, 2**32 - 1))
def test_lossless_rgb_keeps_every_pixel(tmp_path, height, width, seed):
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    assert np.array_equal(read(saved(tmp_path / "a.png", Image.fromarray(pixels))), pixels)


def test_transparency_is_dropped_and_colours_stay(tmp_path):
    alpha = np.full((*GREY.shape, 1), 7, np.uint8)
    rgba = Image.fromarray(np.concatenate([PIXELS, alpha], axis=2), "RGBA")
    assert np.array_equal(read(saved(tmp_path / "rgba.png", rgba)), PIXELS)
    la = Image.merge("LA", (PERSON.convert("L"), Image.fromarray(alpha[..., 0])))
    assert np.array_equal(read(saved(tmp_path / "la.png", la)), np.stack([GREY] * 3, axis=2))


@pytest.mark.parametrize("transparency", [None, 0, bytes([0, 128, 255])])
def test_palette(transparency, tmp_path):
    palette = PERSON.quantize(16)
    options = {} if transparency is None else {"transparency": transparency}
    path = saved(tmp_path / "p.png", palette, **options)
    assert Image.open(path).mode == "P"
    assert np.array_equal(read(path), np.asarray(palette.convert("RGB")))


def test_one_bit(tmp_path):
    path = saved(tmp_path / "a.png", PERSON.convert("1"))
    assert Image.open(path).mode == "1"
    assert set(np.unique(read(path))) == {0, 255}


def test_cmyk_jpeg(tmp_path):
    path = saved(tmp_path / "a.jpg", PERSON.convert("CMYK"), quality=95)
    assert Image.open(path).mode == "CMYK"
    difference = np.abs(read(path).astype(int) - PIXELS)
    assert difference.mean() < 8


@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_sixteen_bit_grey_is_scaled_not_clipped(suffix, tmp_path):
    values = np.array([[0, 257, 32896, 65535]], np.uint16)
    path = saved(tmp_path / f"a{suffix}", Image.fromarray(values))
    assert read(path)[0, :, 0].tolist() == [0, 1, 128, 255]


def test_sixteen_bit_values_in_a_32_bit_file(tmp_path):
    path = saved(tmp_path / "a.tif", Image.fromarray(np.array([[0, 65535]], np.int32)))
    assert read(path)[0, :, 0].tolist() == [0, 255]


@pytest.mark.parametrize("values", [np.array([[0, 70000]], np.int32), np.zeros((1, 2), np.float32)])
def test_values_of_unknown_range(values, tmp_path):
    path = saved(tmp_path / "a.tif", Image.fromarray(values))
    with pytest.raises(ImageReadError, match="whose range is unknown"):
        read_rgb(path)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation(orientation, tmp_path):
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = saved(tmp_path / "a.jpg", PERSON, exif=exif)
    expected = np.asarray(read_image(str(path)))
    assert np.array_equal(read(path), expected)
    assert expected.shape[:2] == ((64, 32) if orientation < 5 else (32, 64))


def test_a_damaged_exif_block_is_no_reason_to_refuse(tmp_path):
    path = saved(tmp_path / "a.jpg", PERSON, exif=b"Exif\x00\x00II*\x00\xff\xff\xff\x7f")
    with pytest.warns(UserWarning, match="Corrupt EXIF"):
        pixels = np.asarray(read_rgb(path))
    assert pixels.shape == PIXELS.shape


def _truncate(path):
    path.write_bytes(path.read_bytes()[:-200])


BROKEN = {
    "missing": (lambda path: path.unlink(), "there is no such file"),
    "empty": (lambda path: path.write_bytes(b""), r"it is empty \(0 bytes\)"),
    "truncated": (_truncate, "truncated"),
    "web page": (lambda path: path.write_text("<html>"), "not that of any known image format"),
    "folder": (lambda path: (path.unlink(), path.mkdir()), "it is a folder"),
}


@pytest.mark.parametrize("suffix", [".jpg", ".png"])
@pytest.mark.parametrize("kind", BROKEN)
def test_broken_files(kind, suffix, tmp_path):
    path = saved(tmp_path / f"a{suffix}", PERSON)
    damage, reason = BROKEN[kind]
    damage(path)
    with pytest.raises(ImageReadError, match=reason) as error:
        read_rgb(path)
    assert isinstance(error.value, DatasetError)
    assert str(error.value).startswith(f"{path} cannot be read as an image: ")
    assert "scripts/check_dataset.py" in str(error.value)
    assert "\n" not in str(error.value)


def test_the_error_crosses_processes():
    error = pickle.loads(pickle.dumps(ImageReadError("message", "reason")))
    assert (str(error), error.reason) == ("message", "reason")


def test_a_file_that_another_package_wants_to_help_with(tmp_path, monkeypatch):
    """As Ultralytics does with Pillow's `open` once it is imported."""
    opened = Image.open

    def helpful(path):
        try:
            return opened(path)
        except Image.UnidentifiedImageError:
            raise ModuleNotFoundError("No module named 'pi_heif'", name="pi_heif") from None

    monkeypatch.setattr(Image, "open", helpful)
    (tmp_path / "image.jpg").write_text("no image")
    with pytest.raises(ImageReadError, match="its content is not that of any known image format"):
        read_rgb(tmp_path / "image.jpg")
