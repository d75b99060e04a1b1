"""Plain, slow implementations, written from the definitions, to hold the fast ones against."""

import numpy as np
from mdpr.evaluation import RetrievalLabels


def make_labels(query_person, query_camera, gallery_person, gallery_camera):
    vectors = (query_person, query_camera, gallery_person, gallery_camera)
    return RetrievalLabels(*(np.asarray(vector, dtype=np.int64) for vector in vectors))


def random_problem(seed, *, num_query=20, num_gallery=80, num_people=8, num_cameras=3, dimension=16):
    """Features with a class structure, so that scores are neither perfect nor those of chance."""
    random = np.random.default_rng(seed)
    centres = random.standard_normal((num_people, dimension))
    labels = make_labels(
        random.integers(0, num_people, num_query),
        random.integers(0, num_cameras, num_query),
        random.integers(0, num_people, num_gallery),
        random.integers(0, num_cameras, num_gallery),
    )
    query, gallery = (
        (centres[person] + 1.5 * random.standard_normal((len(person), dimension))).astype(np.float32)
        for person in (labels.query_person, labels.gallery_person)
    )
    return query, gallery, labels


def cosine_distances(query, gallery):
    query, gallery = query.astype(np.float64), gallery.astype(np.float64)
    query = query / np.linalg.norm(query, axis=1, keepdims=True)
    gallery = gallery / np.linalg.norm(gallery, axis=1, keepdims=True)
    return 1 - query @ gallery.T


def euclidean_distances(query, gallery):
    query, gallery = query.astype(np.float64), gallery.astype(np.float64)
    return ((query[:, None] - gallery[None]) ** 2).sum(axis=2)


def is_junk(labels, query, column):
    return (
        labels.gallery_person[column] == labels.query_person[query]
        and labels.gallery_camera[column] == labels.query_camera[query]
    )


def kept_order(distances, labels, query):
    """Gallery columns left for a query, nearest first, lower index first at equal distance."""
    kept = [c for c in range(labels.num_gallery) if not is_junk(labels, query, c)]
    return sorted(kept, key=lambda column: (distances[query, column], column))


def is_match(labels, query, column):
    return labels.gallery_person[column] == labels.query_person[query]


def rank_by_loops(distances, labels, max_rank=50):
    """CMC, AP and INP (lists over all queries, NaN without a match) and kept orders."""
    length = min(max_rank, labels.num_gallery)
    cmc, precisions, penalties, orders = [], [], [], []
    for query in range(labels.num_query):
        order = kept_order(distances, labels, query)
        orders.append(order)
        ranks = [i for i, column in enumerate(order) if is_match(labels, query, column)]
        if not ranks:
            precisions.append(np.nan)
            penalties.append(np.nan)
            continue
        precisions.append(np.mean([(k + 1) / (rank + 1) for k, rank in enumerate(ranks)]))
        penalties.append(len(ranks) / (ranks[-1] + 1))
        cmc.append([float(ranks[0] < r) for r in range(1, length + 1)])
    curve = np.mean(cmc, axis=0) if cmc else None
    return curve, np.array(precisions), np.array(penalties), orders


def single_shot_cmc_by_loops(distances, labels, *, seed, repeats, max_rank=50):
    """CMC over galleries with one drawn image per person; the draws as documented."""
    length = min(max_rank, labels.num_gallery)
    people = sorted(set(labels.gallery_person.tolist()))
    hits = []
    for query in range(labels.num_query):
        order = kept_order(distances, labels, query)
        if not any(is_match(labels, query, column) for column in order):
            continue
        numbers = np.random.default_rng([seed, query]).random((repeats, len(people)))
        for repeat in range(repeats):
            drawn = []
            for person, number in zip(people, numbers[repeat], strict=True):
                images = sorted(c for c in order if labels.gallery_person[c] == person)
                drawn.append(images[int(number * len(images))])
            shown = [column for column in order if column in drawn]
            rank = next(i for i, column in enumerate(shown) if is_match(labels, query, column))
            hits.append([float(rank < r) for r in range(1, length + 1)])
    return np.mean(hits, axis=0)


def neighbours_by_sorting(features, k):
    """Nearest neighbours: oneself, then by distance, then by index."""
    distances = euclidean_distances(features, features)
    return np.array(
        [
            sorted(range(len(features)), key=lambda j: (j != i, distances[i, j], j))[:k]
            for i in range(len(features))
        ]
    )


def jaccard_distances(features, *, k1, k2):
    """Dense k-reciprocal Jaccard distances, (N, N)."""
    num = len(features)
    distances = euclidean_distances(features, features)
    near = neighbours_by_sorting(features, min(k1, num))

    def reciprocal(i, k):
        return [j for j in near[i, : k + 1].tolist() if i in near[j, : k + 1].tolist()]

    weights = np.zeros((num, num))
    for i in range(num):
        own = set(reciprocal(i, k1))
        expanded = set(own)
        for candidate in own:
            theirs = set(reciprocal(candidate, int(np.around(k1 / 2))))
            if 3 * len(theirs & own) > 2 * len(theirs):
                expanded |= theirs
        members = sorted(expanded)
        values = np.exp(-distances[i, members] + distances[i, members].min())
        weights[i, members] = values / values.sum()
    if k2 != 1:
        weights = np.stack([weights[near[i, :k2]].mean(axis=0) for i in range(num)])
    shared = np.stack([np.minimum(weights[i], weights).sum(axis=1) for i in range(num)])
    return np.maximum(1 - shared / (2 - shared), 0)


def expand_by_loops(features, *, alpha, times, k):
    """Average query expansion, dense."""
    features = features.astype(np.float64)
    for _ in range(times):
        unit = features / np.linalg.norm(features, axis=1, keepdims=True)
        near = neighbours_by_sorting(unit, min(k, len(features)))
        features = np.stack(
            [
                np.mean([features[j] * (unit[i] @ unit[j]) ** alpha for j in near[i]], axis=0)
                for i in range(len(features))
            ]
        )
    return features
