"""docs/troubleshooting.md has every error and warning that the code can give, and none that is gone."""

import ast
import re

from mdpr import errors
from support.configs import ROOT

PAGE = (ROOT / "docs/troubleshooting.md").read_text(encoding="utf-8")
FILES = [
    path for folder in ("mdpr", "synth_persons") for path in (ROOT / "projects/MDPR" / folder).rglob("*.py")
]
TREES = {path: ast.parse(path.read_text(encoding="utf-8")) for path in FILES}
HOLE = "…"
# A row's first cell has one or several messages, each in backticks.
MESSAGES = [
    message
    for cell in re.findall(r"^\| (.*?[^\\]) \|", PAGE, re.MULTILINE)
    for message in re.findall(r"`([^`]+)`", cell)
]


def text_of(node: ast.expr) -> str | None:
    """A message with a hole for each value; None for one that is made elsewhere."""
    match node:
        case ast.Constant(value=str(text)):
            return re.sub(r"%[-\w.]*[sdfr]", HOLE, text)
        case ast.JoinedStr(values=parts):
            return "".join(text_of(part) or HOLE for part in parts)
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            return (text_of(left) or HOLE) + (text_of(right) or HOLE)
    return None


def subclasses(one: type) -> set[str]:
    return {one.__name__}.union(*map(subclasses, one.__subclasses__()))


def told() -> dict[str, str]:
    """Message to place, of all errors a user can mend and all warnings."""
    names = subclasses(errors.MDPRError) | {"ImageReadError", "IncompleteSetError", "warning"}
    found = {}
    for path, tree in TREES.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and node.args:
                name = getattr(node.func, "id", getattr(node.func, "attr", ""))
                text = text_of(node.args[0]) if name in names else None
                if text is not None and text.strip(HOLE):
                    found[text] = f"{path.relative_to(ROOT)}:{node.lineno}"
    return found


def holds(text: str, message: str) -> bool:
    """Whether what a message has between its holes is in a text, in that order."""
    place = 0
    for piece in message.split(HOLE):
        place = text.find(piece, place)
        if place < 0:
            return False
        place += len(piece)
    return True


def test_every_message_is_on_the_page():
    found = told()
    assert len(found) > 100
    unknown = [text for text in found if not any(holds(text, message) for message in MESSAGES)]
    assert {text: found[text] for text in unknown} == {}


def test_every_message_of_the_page_is_in_the_code():
    nodes = (node for tree in TREES.values() for node in ast.walk(tree) if isinstance(node, ast.expr))
    texts = {text for text in map(text_of, nodes) if text}
    assert [message for message in MESSAGES if not any(holds(text, message) for text in texts)] == []


def test_every_class_is_named():
    assert [name for name in subclasses(errors.MDPRError) - {"MDPRError"} if f"`{name}`" not in PAGE] == []
