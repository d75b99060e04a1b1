"""Which queries a picture shows, and what of their rankings is on it."""

import numpy as np
import pytest
from mdpr.engine.reporting import rank_sheet as module
from mdpr.engine.reporting.rank_sheet import drawn_by_chance, rank_sheet, worst_to_best
from mdpr.evaluation import SavedRankings, rank_features
from mdpr.evaluation.ranking.ranking import RankingOptions
from PIL import Image
from support.retrieval_by_loops import random_problem


def test_queries_from_the_worst_over_the_median_to_the_best():
    precision = np.array([0.5, np.nan, 0.1, 0.9, 0.6, 0.3, 1.0, np.nan])
    assert worst_to_best(precision, 3).tolist() == [2, 0, 6]  # of 0.5 and 0.6 the lower
    assert worst_to_best(precision, 99).tolist() == [2, 5, 0, 4, 3, 6]
    assert worst_to_best(np.array([np.nan]), 3).tolist() == []


def test_queries_by_chance_stay_the_same_ones():
    first, second = np.array([0.5, np.nan, 0.1, 0.9]), np.array([0.1, np.nan, 0.2, 0.3])
    assert drawn_by_chance(first, 2).tolist() == drawn_by_chance(second, 2).tolist()
    assert sorted(drawn_by_chance(first, 9).tolist()) == [0, 2, 3]


@pytest.fixture
def rankings(tmp_path):
    """Each image of a colour of its own; that of gallery image 0 cannot be read."""
    query, gallery, labels = random_problem(3)
    paths = [str(tmp_path / f"{index}.png") for index in range(len(query) + len(gallery))]
    for index, path in enumerate(paths):
        Image.new("RGB", (30, 60), colour_of(index)).save(path)
    (tmp_path / f"{len(query)}.png").write_text("no image")
    result = rank_features(query, gallery, labels, options=RankingOptions(top_k=4))
    return SavedRankings.of(result, labels, paths, "cosine")


def colour_of(index):
    return (2 * index, 255 - 2 * index, 100)


def test_a_sheet_shows_the_images_and_what_they_are(rankings):
    queries = worst_to_best(rankings.average_precision, 3)
    sheet = rank_sheet(rankings, queries, 4)
    assert sheet.dtype == np.uint8
    assert sheet.shape == (3, 3 * module._ROW, 5 * module._CELL + 12)
    for row, query in enumerate(queries):
        middle = row * module._ROW + module._TITLE + module._SIZE[1] // 2 + module._FRAME
        assert tuple(sheet[:, middle, module._SIZE[0] // 2]) == colour_of(query)
        for place, image in enumerate(rankings.ranked[query]):
            left = (place + 1) * module._CELL + 12
            number = len(rankings.query_path) + image
            shown = module._MISSING if image == 0 else colour_of(number)
            assert tuple(sheet[:, middle, left + module._SIZE[0] // 2]) == shown
            colour, width = module._MATCH if rankings.is_match[query, place] else module._OTHER
            edge = [tuple(sheet[:, middle, left + x]) for x in range(module._FRAME)]
            assert edge.count(colour) == width
    assert rank_sheet(rankings, []).shape[1] > 0
