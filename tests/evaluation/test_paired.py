"""Paired differences: a plain loop beside them, and how often the interval holds the truth."""

import numpy as np
import pytest
from mdpr.errors import EvaluationError
from mdpr.evaluation.paired import paired_difference


@pytest.fixture
def values():
    random = np.random.default_rng(1)
    identities = random.integers(0, 12, 60)
    first = random.uniform(0, 100, 60)
    second = first + 3 + 4 * random.standard_normal(12)[identities] + random.standard_normal(60)
    return first, second, identities


def test_mean_and_interval_are_those_of_plain_loops(values):
    first, second, identities = values
    first[3], second[7] = np.nan, np.nan
    found = paired_difference(first, second, identities, draws=3000)
    kept = [index for index in range(60) if index not in (3, 7)]
    assert found.n == 58
    assert found.mean == pytest.approx(sum(second[index] - first[index] for index in kept) / 58)
    random, means = np.random.default_rng(9), []
    persons = sorted({identities[index] for index in kept})
    for _ in range(3000):
        drawn = []
        for person in random.choice(persons, len(persons)):
            drawn += [second[index] - first[index] for index in kept if identities[index] == person]
        means.append(np.mean(drawn))
    # Both are drawn: 3000 draws put a quantile this near to another's.
    assert found.low == pytest.approx(np.quantile(means, 0.025), abs=0.25)
    assert found.high == pytest.approx(np.quantile(means, 0.975), abs=0.25)
    assert paired_difference(first, second, identities, draws=3000) == found


def test_interval_holds_the_truth_as_often_as_it_says_and_takes_persons_whole():
    """Forty persons of five queries that differ by the person alone: as good as forty queries, not 200."""
    random, held, held_by_queries = np.random.default_rng(0), 0, 0
    identities = np.repeat(np.arange(40), 5)
    for _ in range(300):
        second = (1 + random.standard_normal(40))[identities]
        found = paired_difference(np.zeros(200), second, identities, draws=500)
        held += found.low <= 1 <= found.high
        alone = paired_difference(np.zeros(200), second, np.arange(200), draws=500)
        held_by_queries += alone.low <= 1 <= alone.high
    assert 0.90 < held / 300 < 0.98
    assert held_by_queries / 300 < 0.75


def test_a_lower_level_is_narrower_and_equal_values_leave_no_doubt(values):
    first, second, identities = values
    wide, narrow = (paired_difference(first, second, identities, level=level) for level in (0.95, 0.5))
    assert wide.low < narrow.low < wide.mean < narrow.high < wide.high
    same = paired_difference(first, first, identities)
    assert (same.mean, same.low, same.high) == (0, 0, 0)


def test_one_person_has_no_interval():
    found = paired_difference(np.zeros(2), np.array([1.0, 2.0]), np.zeros(2))
    assert (found.mean, found.n) == (1.5, 2)
    assert np.isnan([found.low, found.high]).all()


@pytest.mark.parametrize(
    ("second", "message"),
    [(np.ones(3), "needs the same queries"), (np.full(2, np.nan), "no query counts in both")],
)
def test_what_cannot_be_compared_is_refused(second, message):
    with pytest.raises(EvaluationError, match=message):
        paired_difference(np.zeros(2), second, np.arange(2))
