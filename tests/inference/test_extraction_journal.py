"""A killed extraction goes on where it was, whatever the kill has left on the disk."""

import os
from argparse import Namespace

import numpy as np
import pytest
from endurance.extraction import kill_and_repeat
from mdpr.errors import InputError
from mdpr.inference.extraction import Row, extract
from mdpr.inference.extraction.journal import Journal
from PIL import Image
from support.fake_embedder import FakeEmbedder

PLAN = {"model": "a", "sources": "b", "options": {"normalize": True}}
BATCHES = [(3, 3, {}), (6, 2, {4: "torn"}), (9, 0, {6: "x", 7: "y", 8: "z"}), (10, 1, {})]


def write(folder, batches=BATCHES):
    """Journal `BATCHES`; returns each batch's features."""
    journal = Journal(folder, PLAN, 2, restart=False)
    features = [np.full((count, 2), end, np.float32) for end, count, _ in batches]
    for (end, _, failed), block in zip(batches, features, strict=True):
        journal.append(end, block, failed)
    journal.close()
    return features


def recalled(folder):
    journal = Journal(folder, PLAN, 2, restart=False)
    features = np.concatenate([np.empty((0, 2)), *journal.blocks()])
    journal.close()
    return journal.done, journal.failed, features


@pytest.mark.parametrize("file", ["batches.jsonl", "features.f32"])
@pytest.mark.parametrize("damage", ["cut", "zeroed", "flipped"])
def test_a_torn_tail_is_cut_off_wherever_it_is_torn(tmp_path, file, damage):
    features = write(tmp_path)
    whole = (tmp_path / file).read_bytes()
    ends = {0: (0, {})}
    for end, _, failed in BATCHES:
        ends[end] = (end, {**ends[max(ends)][1], **failed})
    for place in range(len(whole)):
        write_back = {name: (tmp_path / name).read_bytes() for name in ("batches.jsonl", "features.f32")}
        torn = {
            "cut": whole[:place],
            "zeroed": whole[:place] + b"\0" * (len(whole) - place),
            "flipped": whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :],
        }[damage]
        (tmp_path / file).write_bytes(torn)
        done, failed, found = recalled(tmp_path)
        assert done < 10 or torn == whole
        assert (done, failed) == ends[done]
        np.testing.assert_array_equal(
            found, np.concatenate([np.empty((0, 2)), *features])[: sum(c for e, c, _ in BATCHES if e <= done)]
        )
        rest = [batch for batch in BATCHES if batch[0] > done]
        write(tmp_path, rest)
        assert {name: (tmp_path / name).read_bytes() for name in write_back} == write_back


@pytest.mark.parametrize(
    ("change", "different"),
    [
        ({"model": "c"}, "other model:"),
        ({"sources": "c", "options": {}}, "other sources and options:"),
    ],
)
def test_another_plan_is_refused_unless_all_is_begun_anew(tmp_path, change, different):
    write(tmp_path)
    with pytest.raises(InputError, match=different) as error:
        Journal(tmp_path, PLAN | change, 2, restart=False)
    assert "--restart" in str(error.value)
    assert recalled(tmp_path)[0] == 10
    journal = Journal(tmp_path, PLAN | change, 2, restart=True)
    assert (journal.done, journal.count) == (0, 0)
    journal.remove()
    assert not tmp_path.exists()


def test_a_folder_of_the_users_own_stays(tmp_path):
    (tmp_path / "mine").write_text("mine")
    journal = Journal(tmp_path, PLAN, 2, restart=False)
    journal.remove()
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


def test_two_processes_do_not_write_one_journal(tmp_path):
    journal = Journal(tmp_path, PLAN, 2, restart=False)
    message = tmp_path / "message"
    if os.fork() == 0:
        try:
            Journal(tmp_path, PLAN, 2, restart=True)
        except InputError as error:
            message.write_text(str(error))
        finally:
            os._exit(0)
    os.wait()
    journal.close()
    assert message.read_text().startswith("another process is writing")


def test_what_is_done_is_not_done_again(tmp_path):
    rows = []
    for number in range(10):
        Image.new("RGB", (4, 8), (number, 20, 30)).save(tmp_path / f"{number}.png")
        rows.append(Row(str(tmp_path / f"{number}.png")))

    class Interrupted(FakeEmbedder):
        def features(self, pixels):
            if self.seen == 8:
                raise KeyboardInterrupt
            return super().features(pixels)

    with pytest.raises(KeyboardInterrupt):
        extract(rows, tmp_path / "f.npz", Interrupted())
    with pytest.raises(InputError, match="partial was begun with other model:"):
        extract(rows, tmp_path / "f.npz", FakeEmbedder(seed=1))
    with pytest.raises(InputError, match="other sources"):
        extract(rows[::-1], tmp_path / "f.npz", FakeEmbedder())
    embedder = FakeEmbedder(batch_size=32)
    assert extract([row._replace(person="1") for row in rows], tmp_path / "f.npz", embedder).written == 10
    assert embedder.seen == 2
    extract(rows, tmp_path / "whole.npz", FakeEmbedder())
    with np.load(tmp_path / "f.npz") as one, np.load(tmp_path / "whole.npz") as other:
        np.testing.assert_array_equal(one["features"], other["features"])
        assert one["person"].tolist() == [1] * 10


def test_killed_extractions_end_as_if_they_had_not_been(tmp_path):
    arguments = Namespace(images=200, small=40, kills=3, workers=1, seed=0)
    outcome = kill_and_repeat(arguments, tmp_path)
    assert [kill["ended"] for kill in outcome["kills"]] == [False] * 3
    assert outcome["differences"] == []
