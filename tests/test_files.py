import os
import stat

import pytest
from mdpr.files import write_atomically


def test_content_and_permissions(tmp_path):
    path = tmp_path / "new" / "file.txt"
    with write_atomically(path) as file:
        file.write("whole")
    assert path.read_text() == "whole"
    umask = os.umask(0)
    os.umask(umask)
    assert stat.S_IMODE(path.stat().st_mode) == 0o666 & ~umask
    assert [p.name for p in path.parent.iterdir()] == ["file.txt"]


def test_failure_keeps_what_was_there(tmp_path):
    path = tmp_path / "file.txt"
    path.write_text("old")
    with pytest.raises(KeyboardInterrupt), write_atomically(path) as file:
        file.write("half")
        raise KeyboardInterrupt
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["file.txt"]


def test_old_content_stays_until_the_end(tmp_path):
    path = tmp_path / "file.bin"
    path.write_bytes(b"old")
    with write_atomically(path, "wb") as file:
        file.write(b"new")
        file.flush()
        assert path.read_bytes() == b"old"
    assert path.read_bytes() == b"new"
