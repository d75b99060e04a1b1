"""The command ``mdpr``: every subcommand explains itself, and a wrong one is one line."""

import importlib
from argparse import ArgumentParser
from unittest.mock import Mock

import pytest
from mdpr.cli.main import SUBCOMMANDS, main, module_of
from mdpr.cli.reporting import subcommand
from mdpr.errors import ConfigError
from support.processes import python


@pytest.mark.parametrize("name", SUBCOMMANDS)
def test_every_subcommand_explains_itself(name, capsys):
    with pytest.raises(SystemExit) as end:
        main([name, "--help"])
    assert end.value.code == 0
    assert "usage:" in capsys.readouterr().out


@pytest.mark.parametrize("arguments", [[], ["--help"], ["-h"]])
def test_help_names_every_subcommand(arguments, capsys):
    with pytest.raises(SystemExit) as end:
        main(arguments)
    assert end.value.code == 0
    printed = capsys.readouterr().out
    assert all(f"  {name} " in printed for name in SUBCOMMANDS)


def test_a_wrong_subcommand_is_one_line(capsys):
    assert main(["evaluate-feature"]) == 2
    message = capsys.readouterr().err
    assert message.startswith("error: mdpr has no subcommand 'evaluate-feature': expected one of train,")
    assert message.endswith("(did you mean 'evaluate-features'?)\n")
    assert message.count("\n") == 1


def test_the_package_runs_as_the_command():
    result = python("-m", "mdpr", "convert", "missing.pth", "target.pth")
    assert result.returncode == 1
    assert result.stderr.startswith("error: ")
    assert "missing.pth" in result.stderr


def test_what_the_user_can_mend_is_one_line_and_a_defect_keeps_its_traceback(capsys):
    def failing(error, **options):
        return subcommand(ArgumentParser, Mock(side_effect=error), **options)

    assert failing(ConfigError("SEED is 'x'"), failed=7)([]) == 7
    assert failing(FileNotFoundError("no file"))([]) == 1
    assert capsys.readouterr().err == "error: SEED is 'x'\nerror: no file\n"
    with pytest.raises(ZeroDivisionError):
        failing(ZeroDivisionError())([])


def test_subcommands_are_modules():
    for name in SUBCOMMANDS:
        assert callable(importlib.import_module(module_of(name)).main)
