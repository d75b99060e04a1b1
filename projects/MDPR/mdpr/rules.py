"""What config keys may hold, as tables: a key, and a rule that tests its value and says what is allowed."""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import reduce
from typing import Any

from fastreid.config import CfgNode

from mdpr.errors import did_you_mean, wrong_value


@dataclass(frozen=True)
class Rule:
    """A test of a value."""

    allowed: str  # what passes, in words that follow "expected"
    holds: Callable[[Any], bool]  # the test; it meets values of any type

    def check(self, key: str, value: Any) -> None:
        """Refuse a value that does not pass.

        Raises:
            ConfigError: naming key, value and what is allowed.
        """
        if not self.holds(value):
            raise wrong_value(key, value, self.allowed)


@dataclass(frozen=True)
class Choice:
    """One of some names, or some of them where the key holds a list.

    Attributes:
        names: the names, or a function that tells them when they are asked for, as of a registry that
            others enter theirs into.
        several: whether the key holds a list of names, at least one.
    """

    names: Iterable[str] | Callable[[], Iterable[str]]
    several: bool = False

    def check(self, key: str, value: Any) -> None:
        """Refuse what is none of the names.

        Raises:
            ConfigError: naming key, value, the names and the nearest of them.
        """
        names = list(self.names() if callable(self.names) else self.names)
        listed = ", ".join(name or "''" for name in names) or "(there are none)"
        if not self.several:
            if value not in names:
                raise wrong_value(key, value, f"one of {listed}{did_you_mean(value, names)}")
            return
        if not isinstance(value, list | tuple) or not value:
            raise wrong_value(key, value, f"a list of one or more names out of {listed}")
        for name in value:
            if name not in names:
                raise wrong_value(key, name, f"names out of {listed}{did_you_mean(name, names)}")


Rules = dict[str, Rule | Choice]


def check_rules(cfg: CfgNode, rules: Rules) -> None:
    """Check the keys of a table.

    Raises:
        ConfigError: the first value that is not allowed.
    """
    for key, rule in rules.items():
        rule.check(key, value_of(cfg, key))


def value_of(cfg: CfgNode, key: str) -> Any:
    """The value of a full key such as ``SOLVER.AMP.DTYPE``.

    Raises:
        KeyError: there is no such key.
    """
    return reduce(lambda node, part: node[part], key.split("."), cfg)


def whole(least: int, note: str = "", most: int | None = None) -> Rule:
    """A whole number from ``least`` to ``most``."""
    words = f"a whole number {f'of {least} or more' if most is None else f'from {least} to {most}'}"

    def holds(value: Any) -> bool:
        is_whole = isinstance(value, int) and not isinstance(value, bool)
        return is_whole and value >= least and (most is None or value <= most)

    return Rule(words + note, holds)


def number(
    *,
    least: float = -math.inf,
    above: float = -math.inf,
    most: float = math.inf,
    below: float = math.inf,
    note: str = "",
) -> Rule:
    """A finite number within bounds: ``least`` and ``most`` are allowed, ``above`` and ``below`` not."""
    bounds = [
        f"{words}{bound:g}"
        for words, bound in ((">= ", least), ("above ", above), ("<= ", most), ("below ", below))
        if math.isfinite(bound)
    ]

    def holds(value: Any) -> bool:
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        if not (is_number and math.isfinite(value)):
            return False
        return least <= value <= most and above < value < below

    words = f"a number {' and '.join(bounds)}" if bounds else "a finite number"
    return Rule(words + note, holds)


def switch() -> Rule:
    """True or False."""
    return Rule("True or False", lambda value: isinstance(value, bool))


def each(rule: Rule, words: str, lengths: tuple[int, ...] = ()) -> Rule:
    """A list whose parts pass ``rule``.

    Args:
        rule: for each part.
        words: what is allowed.
        lengths: that the list may have; empty for any.
    """

    def holds(value: Any) -> bool:
        if not isinstance(value, list | tuple) or (lengths and len(value) not in lengths):
            return False
        return all(rule.holds(part) for part in value)

    return Rule(words, holds)


def pair(rule: Rule, words: str) -> Rule:
    """A range: two numbers that pass ``rule``, the smaller first."""
    both = each(rule, words, (2,))
    return Rule(words, lambda value: both.holds(value) and value[0] <= value[1])
