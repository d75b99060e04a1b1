"""Whatever an image comes as, and the pieces that boxes name."""

import numpy as np
import pytest
import torch
from mdpr.data.images import read_rgb
from mdpr.errors import InputError
from mdpr.inference.images import clip_boxes, crops_of, is_one_image, rgb_image
from PIL import Image

PIXELS = np.random.default_rng(0).integers(0, 256, (20, 10, 3)).astype(np.uint8)


def forms(folder):
    path = folder / "image.png"
    Image.fromarray(PIXELS).save(path)
    return {
        "path": (path, "rgb"),
        "text": (str(path), "rgb"),
        "PIL": (Image.fromarray(PIXELS), "rgb"),
        "RGB array": (PIXELS, "rgb"),
        "BGR array": (np.ascontiguousarray(PIXELS[:, :, ::-1]), "bgr"),
        "view of an array": (PIXELS[:, :, ::-1], "bgr"),
        "tensor": (torch.from_numpy(PIXELS).permute(2, 0, 1), "rgb"),
        "tensor beside BGR arrays": (torch.from_numpy(PIXELS).permute(2, 0, 1), "bgr"),
    }


def test_every_form_is_the_same_image(tmp_path):
    for name, (image, color) in forms(tmp_path).items():
        assert is_one_image(image), name
        found = rgb_image(image, color)
        assert found.mode == "RGB", name
        np.testing.assert_array_equal(np.asarray(found), PIXELS, err_msg=name)


def test_grey_and_rotated_images_are_read_as_from_a_file(tmp_path):
    grey = PIXELS[:, :, 0]
    np.testing.assert_array_equal(np.asarray(rgb_image(grey)), np.repeat(grey[:, :, None], 3, axis=2))
    image = Image.fromarray(PIXELS)
    exif = image.getexif()
    exif[0x0112] = 6  # turned by a quarter
    image.save(tmp_path / "turned.png", exif=exif)
    with Image.open(tmp_path / "turned.png") as opened:
        turned = rgb_image(opened)
    assert turned.size == (20, 10)
    np.testing.assert_array_equal(np.asarray(turned), np.asarray(read_rgb(tmp_path / "turned.png")))


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (PIXELS.astype(np.float32), r"an array \(20, 10, 3\) of float32: expected \(H, W, 3\)"),
        (PIXELS[:, :, :2], r"an array \(20, 10, 2\) of uint8"),
        (PIXELS[:0], r"an array \(0, 10, 3\)"),
        (
            torch.zeros(20, 10, 3, dtype=torch.uint8),
            r"a tensor \(20, 10, 3\) of torch.uint8: expected \(3, H",
        ),
        (torch.zeros(3, 20, 10), r"a tensor \(3, 20, 10\) of torch.float32"),
        (7, "is a int: expected a path"),
    ],
)
def test_what_is_no_image_is_refused(image, message):
    with pytest.raises(InputError, match=message):
        rgb_image(image)


def test_boxes_are_rounded_and_clipped():
    frame = Image.fromarray(PIXELS)
    boxes = [[1.4, 2.6, 5.4, 9.5], [-3, -3, 4, 4], [8, 15, 100, 100]]
    found = [np.asarray(crop) for crop in crops_of(frame, boxes)]
    expected = [PIXELS[3:10, 1:5], PIXELS[:4, :4], PIXELS[15:, 8:]]
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(one, other)
    assert list(crops_of(frame, [])) == []


@pytest.mark.parametrize("box", [[5, 2, 5, 8], [6, 2, 3, 8], [2, 9, 4, 1], [10, 0, 15, 5], [-9, 0, -2, 5]])
def test_a_box_without_a_pixel_is_named(box):
    boxes = [[0, 0, 4, 4], box]
    assert clip_boxes(boxes, 10, 20)[1].tolist() == [False, True]
    with pytest.raises(InputError, match=r"box 1 is \[.*\]: it has no pixel in the frame of 10 x 20"):
        list(crops_of(Image.fromarray(PIXELS), boxes))


@pytest.mark.parametrize("boxes", [[1, 2, 3, 4], [[1, 2, 3]], [[0, 0, float("nan"), 4]]])
def test_boxes_of_another_shape_are_refused(boxes):
    with pytest.raises(InputError, match=r"expected \(N, 4\) finite numbers"):
        clip_boxes(boxes, 10, 20)
