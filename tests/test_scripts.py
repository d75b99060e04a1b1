"""Every command-line tool explains itself; one of each kind does so in a process of its own."""

import runpy
import sys

import pytest
from support.configs import ROOT
from support.processes import python

SCRIPTS = sorted(
    str(path.relative_to(ROOT))
    for path in (ROOT / "scripts").rglob("*.py")
    if 'if __name__ == "__main__":' in path.read_text()
)


@pytest.mark.parametrize("script", [*SCRIPTS, "projects/MDPR/train_net.py"])
def test_help(script, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", [script, "--help"])
    monkeypatch.setattr(sys, "path", [str((ROOT / script).parent), *sys.path])
    with pytest.raises(SystemExit) as ended:
        runpy.run_path(str(ROOT / script), run_name="__main__")
    assert ended.value.code == 0
    assert "usage:" in capsys.readouterr().out


@pytest.mark.parametrize(
    "script", ["scripts/benchmarks/model.py", "scripts/check_dataset.py", "projects/MDPR/train_net.py"]
)
def test_starts_by_itself(script):
    result = python(script, "--help")
    assert result.returncode == 0, result.stderr
    assert "usage:" in result.stdout
