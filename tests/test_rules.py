import math

import pytest
from mdpr.errors import ConfigError
from mdpr.rules import Choice, each, number, pair, switch, whole


@pytest.mark.parametrize(
    ("rule", "good", "bad"),
    [
        (whole(1), [1, 2**40], [0, 1.0, True, None, "1", math.nan]),
        (whole(0, most=3), [0, 3], [-1, 4]),
        (number(), [-1e9, 0, 2.5], [math.nan, math.inf, True, None, "1"]),
        (number(least=0, most=1), [0, 0.0, 1], [-0.1, 1.1]),
        (number(above=0, below=1), [0.5], [0, 1, 0.0, 1.0]),
        (switch(), [True, False], [0, 1, None, "yes"]),
        (each(whole(1), "", (2,)), [[1, 2], (3, 4)], [[1], [1, 2, 3], [0, 1], 5, None]),
        (pair(number(), ""), [[1, 2], (2, 2)], [[2, 1], [1], "12"]),
        (Choice(("a", "b")), ["a"], ["c", ["a"], None, 1]),
        (Choice(("a", "b"), several=True), [["a"], ("b", "a")], ["a", [], ["a", "c"], None]),
    ],
)
def test_what_passes(rule, good, bad):
    for value in good:
        rule.check("KEY", value)
    for value in bad:
        with pytest.raises(ConfigError, match=r"^KEY is .*: expected "):
            rule.check("KEY", value)


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        (number(least=0, below=1, note=" (0: none)"), "a number >= 0 and below 1 (0: none)"),
        (number(), "a finite number"),
        (whole(1, most=9), "a whole number from 1 to 9"),
    ],
)
def test_words(rule, words):
    assert rule.allowed == words


def test_names_are_asked_for_when_a_value_is_checked():
    names = ["left"]
    choice = Choice(lambda: names)
    with pytest.raises(ConfigError, match=r"KEY is 'Right': expected one of left$"):
        choice.check("KEY", "Right")
    names.append("right")
    with pytest.raises(ConfigError, match=r"one of left, right \(did you mean 'right'\?\)$"):
        choice.check("KEY", "Right")
