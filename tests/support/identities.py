"""Drawn embeddings of people: who looks like whom, and how much their images differ, is known."""

import numpy as np

DIMENSION = 24
_KINDS = np.random.default_rng(99).standard_normal(
    (6, DIMENSION)
)  # of clothes: people of one kind look alike


def draw_people(seed, *, num_people=60, images=5, spread=0.8, kinds=True):
    """Features (N, D) float32 and identities (N,) of new people of one population."""
    random = np.random.default_rng(seed)
    people = random.standard_normal((num_people, DIMENSION))
    people += kinds * _KINDS[random.integers(0, len(_KINDS), num_people)]
    person = np.repeat(np.arange(num_people), images)
    noise = spread * random.standard_normal((len(person), DIMENSION))
    return (people[person] + noise).astype(np.float32), person
