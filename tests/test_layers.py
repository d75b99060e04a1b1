"""The order of the layers: the contracts name every room, and an import that climbs breaks them."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from support.configs import ROOT

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib  # pytest brings it where Python does not

PACKAGES = ROOT / "projects/MDPR"


def lint(folder: Path) -> subprocess.CompletedProcess:
    """Hold the packages in a folder against the contracts of this project."""
    lint_imports = Path(sys.executable).with_name("lint-imports")
    return subprocess.run(
        [lint_imports, "--no-cache"],
        cwd=folder,
        env={"PYTHONPATH": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def copied(tmp_path):
    for package in ("mdpr", "mdpr_doctor", "synth_persons"):
        shutil.copytree(PACKAGES / package, tmp_path / package)
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("file", "line", "named"),
    [
        ("mdpr/modeling/fusion.py", "import mdpr.kernels.convolution", "mdpr.modeling.fusion"),
        ("mdpr/config.py", "from mdpr.errors import ConfigError", "mdpr.config"),
        ("mdpr/evaluation/processes.py", "import mdpr.checkpoint.reading", "mdpr.evaluation.processes"),
        ("synth_persons/draw.py", "import mdpr.errors", "synth_persons.draw"),
        ("mdpr/cli/train.py", "import mdpr_doctor.finding", "mdpr.cli.train"),
        ("mdpr/inference/adapters/boxmot.py", "import boxmot", "mdpr.inference.adapters.boxmot"),
    ],
)
def test_an_import_that_climbs_is_found(copied, file, line, named):
    path = copied / file
    path.write_text(f"{line}\n{path.read_text()}")
    result = lint(copied)
    assert result.returncode != 0
    assert f"{named} -> {line.split()[1]}" in result.stdout


def test_the_layers_hold_and_name_every_room(copied):
    result = lint(copied)
    assert result.returncode == 0, result.stdout
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
    named = {room.strip() for layer in contracts["contracts"][0]["layers"] for room in layer.split("|")}
    rooms = {
        path.stem
        for path in (PACKAGES / "mdpr").iterdir()
        if not path.name.startswith("__") and (path.suffix == ".py" or any(path.rglob("*.py")))
    }
    assert named == rooms
