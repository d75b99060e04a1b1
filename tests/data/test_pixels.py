"""Bytes on the way to a GPU: the very images come out, whatever augmentation has made of them."""

import pytest
import torch
from mdpr.data.loader import build_train_loader
from mdpr.data.pixels import BytePixels
from support.configs import tiny_config
from torchvision.transforms import RandomErasing

FILL = [123.675, 116.28, 103.53]


def whole_images(count=4):
    return torch.randint(0, 256, (count, 3, 12, 8), generator=torch.Generator().manual_seed(0)).float()


def erased_images():
    torch.manual_seed(0)
    erase = RandomErasing(p=0.7, value=FILL)
    return torch.stack([erase(image) for image in whole_images(8)])


@pytest.mark.parametrize(
    ("images", "channels"), [(whole_images(), 3), (erased_images(), 4)], ids=["whole numbers", "erased"]
)
def test_bytes_say_all(images, channels):
    pixels = BytePixels(FILL)
    packed = pixels.pack(images)
    assert (packed.dtype, packed.shape[1]) == (torch.uint8, channels)
    (unpacked,) = pixels.unpack({"images": packed}).values()
    assert unpacked.dtype == torch.float32
    assert torch.equal(unpacked, images)


@pytest.mark.parametrize("value", [0.5, -1.0, 256.0, torch.nan])
def test_what_bytes_cannot_say_stays_as_it_is(value):
    images = erased_images()
    images[0, 1, 2, 3] = value
    packed = BytePixels(FILL).pack(images)
    assert packed is images
    assert BytePixels(FILL).unpack({"images": packed})["images"] is images


def test_a_gpus_loader_collates_bytes_and_gives_the_cpus_batches(monkeypatch, synth_root):
    monkeypatch.setenv("FASTREID_DATASETS", str(synth_root))
    options = (
        "DATASETS.NAMES",
        ("SynthPersons",),
        "SEED",
        3,
        "INPUT.REA.ENABLED",
        True,
        "INPUT.REA.PROB",
        1.0,
        "DATALOADER.NUM_WORKERS",
        0,
    )
    plain = next(iter(build_train_loader(tiny_config(*options))))
    loader = build_train_loader(tiny_config(*options, "MODEL.DEVICE", "cuda"))._loader
    items = [loader.dataset[draw] for draw in next(iter(loader.batch_sampler))]
    batch = loader.collate_fn(items)
    assert batch["images"].dtype == torch.uint8
    unpacked = loader._on_device(batch)
    assert torch.equal(unpacked.pop("images"), plain.pop("images"))
    assert unpacked["img_paths"] == plain["img_paths"]
