"""What the curves are drawn from: counts of pairs, mAP by camera pair, coordinates of a map."""

from functools import lru_cache
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from mdpr.evaluation.distances.feature_distances import RetrievalFeatures
from mdpr.evaluation.distances.sources import row_blocks
from mdpr.evaluation.ranking.labels import RetrievalLabels
from mdpr.evaluation.ranking.ranking import rank_features
from mdpr.evaluation.saved_files.features import SavedFeatures
from mdpr.inference.extras import optional

BINS: Final = 2000  # of cosine similarity from -1 to 1
Counts: TypeAlias = NDArray[np.int64]


@lru_cache(maxsize=8)  # three pictures show them
def pair_counts(saved: SavedFeatures) -> tuple[Counts, Counts]:
    """Count pairs of a query and a gallery image by their cosine similarity, in ``BINS`` steps from -1 to 1.

    Returns:
        Pairs of different persons, and of the same one, (BINS,) each. Those that the evaluation leaves
        out (same person, same camera) are in neither.
    """
    source = RetrievalFeatures.from_features(saved.query_features, saved.gallery_features).distances()
    different, same = np.zeros((2, BINS), dtype=np.int64)
    for start, stop in row_blocks(source):
        similarity = np.clip(1 - source.rows(start, stop).numpy(), -1, 1)
        pairs = saved.labels.pairs(start, stop)
        matches = _counted(similarity[pairs.match_rows, pairs.match_columns])
        same += matches
        different += _counted(similarity) - matches
        different -= _counted(similarity[pairs.junk_rows, pairs.junk_columns])
    return different, same


def error_rates(saved: SavedFeatures) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Shares of pairs taken for one person at each threshold: of different persons, and of the same.

    (BINS + 1,) each, from the highest threshold, where both are 0, to the lowest, where both are 1.
    """
    different, same = (np.concatenate([[0], np.cumsum(part[::-1])]) for part in pair_counts(saved))
    return different / max(1, different[-1]), same / max(1, same[-1])


def camera_pair_map(saved: SavedFeatures) -> tuple[Counts, NDArray[np.float64]]:
    """The mAP of the queries of each camera in the gallery of each camera alone.

    Returns:
        The C cameras, and (C, C) mAP in [0, 1]: query's camera, gallery's camera; NaN where no query counts.
    """
    labels, cameras = saved.labels, np.unique(saved.camera)
    table = np.full((len(cameras), len(cameras)), np.nan)
    for column, camera in enumerate(cameras):
        gallery = labels.gallery_camera == camera
        person = labels.gallery_person[gallery]
        query = np.isin(labels.query_person, person) & (labels.query_camera != camera)
        if not query.any():
            continue
        of_query = labels.query_camera[query]
        alone = RetrievalLabels(labels.query_person[query], of_query, person, labels.gallery_camera[gallery])
        found = rank_features(saved.query_features[query], saved.gallery_features[gallery], alone)
        for row in np.flatnonzero(np.isin(cameras, of_query)):
            table[row, column] = found.average_precision[of_query == cameras[row]].mean()
    return cameras, table


def embedding_map(saved: SavedFeatures, method: str) -> tuple[NDArray[np.floating], tuple[str, str]]:
    """Places of the N features, at norm 1, on a plane, (N, 2), by "pca" or "umap", and what its axes are.

    Raises:
        InputError: UMAP is not installed.
    """
    unit = saved.features / np.linalg.norm(saved.features, axis=1, keepdims=True)
    if method == "umap":
        umap = optional("umap", "umap").UMAP(n_components=2, metric="cosine", random_state=0, n_jobs=1)
        return umap.fit_transform(unit), ("UMAP 1 (no unit)", "UMAP 2 (no unit)")
    from sklearn.decomposition import PCA  # noqa: PLC0415 (takes longer to import than all of this package)

    pca = PCA(2, random_state=0)
    places = pca.fit_transform(unit)
    first, second = 100 * pca.explained_variance_ratio_
    return places, (f"component 1 ({first:.0f} % of variance)", f"component 2 ({second:.0f} % of variance)")


def _counted(similarity: NDArray[np.float64]) -> Counts:
    return np.histogram(similarity, bins=BINS, range=(-1, 1))[0]
