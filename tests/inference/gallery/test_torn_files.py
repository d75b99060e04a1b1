"""A write that broke off, at any byte; and damage, which is told from that."""

import shutil

import numpy as np
import pytest
from mdpr.errors import GalleryError
from mdpr.inference.gallery import Gallery

D = 3
FEATURES = np.random.default_rng(0).standard_normal((6, D)).astype(np.float32)
NAMES = ("features-1.f32", "extras-1.bin", "journal-1.jsonl")  # in the order in which an add writes them


def add(gallery, rows):
    facts = [{"row": row} for row in rows]
    pictures = [b"picture of %d" % row for row in rows]
    gallery.add(FEATURES[rows], [f"i{row}" for row in rows], person="p", metadata=facts, thumbnails=pictures)


def content(gallery):
    """All there is, found by asking for it."""
    count = len(gallery)
    answer = gallery.query(FEATURES[:1], by="image", top_k=10)[0]
    assert len(answer.matches) == count
    return sorted(
        (match.id, match.person, match.metadata["row"], match.thumbnail) for match in answer.matches
    )


@pytest.fixture(scope="module")
def states(tmp_path_factory):
    """Bytes of the files, and the content, after none, one, two and three adds."""
    path = tmp_path_factory.mktemp("states") / "gallery"
    gallery, states = Gallery.create(path, dimension=D), []
    for rows in ([], [0, 1, 2], [3, 4], [5]):
        add(gallery, rows)
        states.append(({name: (path / name).read_bytes() for name in NAMES}, content(gallery)))
    return path, states


def torn(before, after):
    """The files of an add that broke off after each of its bytes."""
    files = dict(before)
    for name in NAMES:
        for end in range(len(before[name]), len(after[name]) + 1):
            yield {**files, name: after[name][:end]}
        files[name] = after[name]


@pytest.mark.parametrize("number", [0, 1])
def test_an_add_that_broke_off_at_any_byte_was_none(states, tmp_path, number):
    whole, (before, old), (after, new), (later, _) = states[0], *states[1][number : number + 3]
    path = tmp_path / "gallery"
    shutil.copytree(whole, path)
    cases = 0
    for files in torn(before, after):
        for name, text in files.items():
            (path / name).write_bytes(text)
        gallery, complete = Gallery.open(path), files == after
        assert content(gallery) == (new if complete else old)
        assert {name: (path / name).read_bytes() for name in NAMES} == files  # a reader changes nothing
        gallery.info(verify=True)
        cases += 1
        if complete or cases % 10 == 0:  # the next writer, whose files are those of one that met no tail
            if not complete:
                add(gallery, [3, 4] if number else [0, 1, 2])
            add(gallery, [5] if number else [3, 4])
            assert {name: (path / name).read_bytes() for name in NAMES} == later
            Gallery.open(path).info(verify=True)
    assert cases > 150


def test_a_reader_meets_an_add_in_its_middle(states, tmp_path):
    whole, (before, old), (after, new) = states[0], *states[1][1:3]
    path = tmp_path / "gallery"
    shutil.copytree(whole, path)
    for name in NAMES:
        (path / name).write_bytes(before[name])
    reader = Gallery.open(path)
    for files in [*[*torn(before, after)][::7], after]:
        for name, text in files.items():
            (path / name).write_bytes(text)
        assert content(reader) == (new if files == after else old)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("journal-1.jsonl", r"journal-1\.jsonl is damaged at byte 0"),
        (
            "features-1.f32",
            r"features-1\.f32 is damaged: another checksum for what was added as 'i0' to 'i2'",
        ),
        ("extras-1.bin", r"extras-1\.bin is damaged: another checksum for what was added as 'i0' to 'i2'"),
    ],
)
def test_damage_is_no_torn_tail(states, tmp_path, name, message):
    path = tmp_path / "gallery"
    shutil.copytree(states[0], path)
    text = bytearray((path / name).read_bytes())
    text[12] ^= 1
    (path / name).write_bytes(text)
    with pytest.raises(GalleryError, match=message):
        Gallery.open(path).info(verify=True)
    for short, reason in ((text[:-1], "is damaged: it has"), (None, "No such file")):
        (path / name).unlink() if short is None else (path / name).write_bytes(states[1][3][0][name][:-1])
        if name.startswith("journal") and short is not None:
            assert len(Gallery.open(path)) == 5  # the last add is not whole
            continue
        with pytest.raises(GalleryError, match=reason):
            Gallery.open(path)


def test_a_compaction_that_broke_off_was_none(states, tmp_path):
    path = tmp_path / "gallery"
    shutil.copytree(states[0], path)
    (path / "features-2.f32").write_bytes(b"half of it")
    (path / ".gallery.json.abcdefgh.tmp").write_bytes(b"{")
    gallery = Gallery.open(path)
    assert content(gallery) == states[1][3][1]
    gallery.compact()
    assert content(gallery) == states[1][3][1] and gallery.info(verify=True)["generation"] == 2
    assert {file.name for file in path.iterdir()} == {
        *(name.replace("-1.", "-2.") for name in NAMES),
        "gallery.json",
        "lock",
    }


def test_a_creation_that_broke_off_was_none(tmp_path):
    for name in NAMES[:2]:
        (tmp_path / name).touch()
    (tmp_path / ".gallery.json.abcdefgh.tmp").write_bytes(b"{")
    assert len(Gallery.create(tmp_path, dimension=D)) == 0
