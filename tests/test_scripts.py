"""Every command-line tool starts in a process of its own and explains itself."""

import pytest
from support.configs import ROOT
from support.processes import python

SCRIPTS = sorted(
    str(path.relative_to(ROOT))
    for path in (ROOT / "scripts").rglob("*.py")
    if 'if __name__ == "__main__":' in path.read_text()
)


@pytest.mark.parametrize("script", [*SCRIPTS, "projects/MDPR/train_net.py"])
def test_help(script):
    result = python(script, "--help")
    assert result.returncode == 0, result.stderr
    assert "usage:" in result.stdout
