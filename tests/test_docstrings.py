"""``Args:`` in docstrings are the arguments there are, in their order; a class has them in its own."""

import ast
import re

import pytest
from support.configs import ROOT

PACKAGES = ROOT / "projects/MDPR"
FILES = sorted(PACKAGES.rglob("*.py"))
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


def documented(node):
    """The names under ``Args:``; None where there is no such section."""
    lines = (ast.get_docstring(node) or "").split("\n")
    if "Args:" not in lines:
        return None
    names = []
    for line in lines[lines.index("Args:") + 1 :]:
        if line and not line.startswith(" "):
            break
        entry = re.match(r"    ([\w*]+(?:, [\w*]+)*):", line)
        if entry:
            names += [name.lstrip("*") for name in entry.group(1).split(", ")]
    return names


def arguments_of(function):
    given = function.args
    names = [one.arg for one in (*given.posonlyargs, *given.args)]
    names += [given.vararg.arg] if given.vararg else []
    names += [one.arg for one in given.kwonlyargs]
    names += [given.kwarg.arg] if given.kwarg else []
    return [name for name in names if name not in ("self", "cls")]


def constructor_of(node):
    """The arguments of a class's own constructor, or the fields of a dataclass."""
    own = [part for part in node.body if isinstance(part, FUNCTIONS) and part.name == "__init__"]
    if own:
        return arguments_of(own[0])
    return [part.target.id for part in node.body if isinstance(part, ast.AnnAssign)]


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGES)))
def test_args_are_the_signature(path):
    wrong = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, (*FUNCTIONS, ast.ClassDef)):
            names = documented(node)
            expected = constructor_of(node) if isinstance(node, ast.ClassDef) else arguments_of(node)
            if names is not None and names != expected:
                wrong.append((node.name, names, expected))
            if node.name == "__init__" and ast.get_docstring(node):
                wrong.append((node.name, "says what belongs into the docstring of its class"))
    assert wrong == []


def test_a_wrong_name_is_found():
    function = ast.parse('def f(a, *b, c):\n    """X.\n\n    Args:\n        a, c: y.\n    """').body[0]
    assert documented(function) == ["a", "c"]
    assert arguments_of(function) == ["a", "b", "c"]
