"""Distances of a set without identities, as a file to hand in."""

import csv
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from fastreid.config import CfgNode
from numpy.typing import NDArray

from mdpr.evaluation.distances.sources import DistanceSource, row_blocks
from mdpr.evaluation.evaluator import ReidEvaluator
from mdpr.evaluation.reranking.reranking import distance_source
from mdpr.files import write_atomically

logger = logging.getLogger(__name__)


class SubmissionWriter(ReidEvaluator):
    """In the place of an evaluator where nobody knows who is who: writes distances, gives no score.

    The file is a CSV matrix: a first row with the names of the gallery images, then a row per query
    with its name and its distances, smaller being more alike.

    Args:
        cfg: the full config; ``TEST.METRIC``, ``TEST.RERANK`` and ``MODEL.DEVICE`` are read.
        num_query: the first images are queries.
        names: of all images, query first, as they appear in the file.
        path: the CSV file to write.
    """

    def __init__(self, cfg: CfgNode, num_query: int, names: Sequence[str], path: str | Path) -> None:
        super().__init__(cfg, num_query, share_queries=False)
        self._names = [Path(name).stem for name in names]
        self._path = Path(path)

    def process(self, inputs: Mapping[str, torch.Tensor], outputs: torch.Tensor) -> None:
        """Take one batch's features, (B, D); labels are not looked at."""
        self._features.append(outputs.detach().float())

    def _evaluate_all(self, features: NDArray[np.float32], labels: NDArray[np.int64]) -> dict[str, Any]:
        """Write the file; there is no score."""
        if len(features) != len(self._names):
            raise ValueError(f"{len(features)} images were seen, {len(self._names)} were expected")
        self._write(distance_source(self._on_grid(features), self.settings.rerank))
        return {}

    def _write(self, source: DistanceSource) -> None:
        with write_atomically(self._path) as file:
            writer = csv.writer(file)
            writer.writerow(["", *self._names[self._num_query :]])
            for start, stop in row_blocks(source):
                names, rows = self._names[start:stop], source.rows(start, stop).tolist()
                for name, row in zip(names, rows, strict=True):
                    writer.writerow([name, *(f"{distance:.6f}" for distance in row)])
        logger.info(
            "No identities, so no score: distances of %d queries to %d gallery images are in %s",
            source.num_query,
            source.num_gallery,
            self._path,
        )
