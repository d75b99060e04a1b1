"""The command: which checks it carries out, what it shows and writes, and its exit code."""

import json
import logging
import sys
import warnings

import mdpr.host
import pytest
import torch
from mdpr_doctor import command, finding
from mdpr_doctor.command import main
from mdpr_doctor.finding import Check, carry_out, failed, not_here, ok
from mdpr_doctor.registry import CHECKS
from support.processes import python


def pretend(monkeypatch, **functions):
    """Let the checks be these functions, by name; a name with ``gpu_`` is one of the GPU half."""
    checks = {
        name.replace("_", "-"): Check(name, {"device": "cuda"} if name.startswith("gpu_") else {})
        for name in functions
    }
    monkeypatch.setattr(Check, "function", lambda check: functions[check.place])
    monkeypatch.setattr(command, "CHECKS", checks)


def broken():
    raise OSError("the disk is gone\nand more")


def test_every_check_is_there_and_takes_its_options():
    for name, check in CHECKS.items():
        assert set(check.options) <= set(check.function().__code__.co_varnames), name
        assert check.needs_gpu == name.startswith("gpu-")


def test_all_is_well(monkeypatch, capsys):
    pretend(monkeypatch, python=lambda: ok("3.11"), disk=lambda: not_here("no disk"))
    assert main([]) == 0
    printed = capsys.readouterr()
    assert [line.split()[:2] for line in printed.out.splitlines()[3:5]] == [["python", "ok"], ["disk", "not"]]
    assert "1 ok, 0 failed, 1 not here" in printed.out
    assert "The GPU half was not asked for: mdpr doctor --gpu" in printed.out
    assert printed.err == "[1/2] python ...\n[2/2] disk ...\n"


def test_a_check_that_fails_or_raises_ends_nothing(monkeypatch, capsys, tmp_path):
    pretend(
        monkeypatch, bad=lambda: failed("64 MB", "take more", free=64), worse=broken, good=lambda: ok("fine")
    )
    file = tmp_path / "doctor.json"
    assert main(["--json", str(file)]) == 1
    printed = capsys.readouterr().out
    assert "64 MB" in printed
    assert "-> take more" in printed
    assert "OSError: the disk is gone\n" in printed
    assert "Traceback" not in printed
    content = json.loads(file.read_text())
    assert content["machine"]["packages"]["torch"] == torch.__version__.partition("+")[0]
    assert [row["status"] for row in content["checks"]] == ["failed", "failed", "ok"]
    bad, worse, good = content["checks"]
    assert (bad["name"], bad["found"], bad["advice"], bad["details"]) == (
        "bad",
        "64 MB",
        "take more",
        {"free": 64},
    )
    assert bad["seconds"] >= 0
    assert "OSError: the disk is gone" in worse["traceback"]
    assert "traceback" not in good
    assert [path.name for path in tmp_path.iterdir()] == ["doctor.json"]


@pytest.mark.parametrize("place", ["", "missing/doctor.json"])
def test_a_file_that_cannot_be_written_is_refused_first(monkeypatch, capsys, tmp_path, place):
    pretend(monkeypatch, good=lambda: ok("fine"))
    with pytest.raises(SystemExit) as end:
        main(["--json", str(tmp_path / place)])
    assert end.value.code == 2
    assert "expected a file in a folder that exists" in capsys.readouterr().err


def test_only_what_is_named(monkeypatch, capsys):
    pretend(
        monkeypatch, one=lambda: ok("1"), two=lambda: ok("2"), gpu_three=lambda device: ok(f"on {device}")
    )
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert main(["--only", "gpu-three", "one"]) == 0
    printed = capsys.readouterr()
    assert printed.err == "[1/2] gpu-three ...\n[2/2] one ...\n"
    assert "on cuda" in printed.out
    with pytest.raises(SystemExit) as end:
        main(["--only", "three"])
    assert end.value.code == 2


def test_without_a_gpu_its_half_is_not_here(monkeypatch, capsys):
    pretend(monkeypatch, one=lambda: ok("1"), gpu_two=broken)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(mdpr.host, "why_no_gpu", lambda: "The driver is too old (found 11040). Please update")
    assert main(["--gpu"]) == 0
    printed = capsys.readouterr().out
    assert "1 ok, 0 failed, 1 not here" in printed
    assert printed.endswith("Not checked on a GPU: The driver is too old (found 11040)\n")


def test_what_was_found_before_ctrl_c_is_shown(monkeypatch, capsys, tmp_path):
    def interrupt():
        raise KeyboardInterrupt

    pretend(monkeypatch, one=lambda: ok("first"), two=interrupt, three=broken)
    assert main(["--json", str(tmp_path / "doctor.json")]) == 130
    assert "first" in capsys.readouterr().out
    assert len(json.loads((tmp_path / "doctor.json").read_text())["checks"]) == 1


def test_without_tabulate_there_are_lines(monkeypatch, capsys):
    pretend(monkeypatch, one=lambda: ok("1"))
    monkeypatch.setitem(sys.modules, "tabulate", None)
    assert main([]) == 0
    assert "one  ok  0.0 s  1\n" in capsys.readouterr().out


def test_warnings_and_logs_of_a_check_are_not_shown(capsys):
    def noisy():
        warnings.warn("careful", stacklevel=1)
        logging.getLogger("mdpr").error("an error line")
        return ok("done")

    check = Check("noisy")
    object.__setattr__(check, "function", lambda: noisy)
    assert carry_out("noisy", check).finding == ok("done")
    assert capsys.readouterr().err == ""
    assert logging.root.manager.disable == 0


def test_a_machine_where_a_package_is_missing(tmp_path):
    """fast-reid needs TensorBoard: `import mdpr` fails there, and the doctor says what to install."""
    (tmp_path / "sitecustomize.py").write_text("import sys; sys.modules['tensorboard'] = None\n")
    names = ["python", "packages", "fast-reid", "steps-float32"]
    path = f"{tmp_path}:{command.__file__.rpartition('/mdpr_doctor/')[0]}"
    result = python("-m", "mdpr_doctor", "--only", *names, PYTHONPATH=path)
    assert result.returncode == 1, result.stderr
    printed = " ".join(result.stdout.split())  # a table is as wide as the terminal
    assert "missing: tensorboard" in printed
    assert "-> pip install tensorboard" in printed
    assert "ModuleNotFoundError" in printed
    assert "install what the row `packages` names" in printed
    assert "1 ok, 3 failed, 0 not here" in printed
    assert "Traceback" not in result.stdout + result.stderr


def test_the_gpu_half_where_mdpr_cannot_be_imported(monkeypatch):
    monkeypatch.setitem(sys.modules, "mdpr.host", None)
    row = carry_out("gpu-speed", CHECKS["gpu-speed"])
    assert row.finding.status == finding.NOT_HERE
    assert "mdpr cannot be imported" in row.finding.found
