"""fast-reid's re-identification evaluator on this package's ranking and re-ranking.

Drop-in for `fastreid.evaluation.ReidEvaluator`: same configuration keys (``TEST.METRIC``,
``TEST.RERANK``, ``TEST.AQE``, ``TEST.ROC``), same results under the same names. It compiles
nothing, needs no GPU and never holds all distances. Keys of its own are in ``TEST.MDPR``.
"""

import copy
import logging
import time
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from fastreid.config import CfgNode
from fastreid.evaluation import ReidEvaluator as FastReidEvaluator
from fastreid.utils import comm
from numpy.typing import NDArray

from mdpr.errors import EvaluationError
from mdpr.evaluation.distances.feature_distances import RetrievalFeatures
from mdpr.evaluation.distances.sources import ALL_ROWS, RowShare
from mdpr.evaluation.processes import evaluation_threads, gather_rows
from mdpr.evaluation.ranking.labels import RetrievalLabels
from mdpr.evaluation.ranking.ranking import rank
from mdpr.evaluation.ranking.roc import tpr_at_fpr
from mdpr.evaluation.ranking.scores import RankingResult
from mdpr.evaluation.reranking.centralization import centralize_features
from mdpr.evaluation.reranking.query_expansion import expand_features
from mdpr.evaluation.reranking.reranking import distance_source
from mdpr.evaluation.saved_files.features import SavedFeatures, save_features
from mdpr.evaluation.saved_files.rankings import SavedRankings, save_rankings
from mdpr.evaluation.settings import EvaluationSettings

logger = logging.getLogger(__name__)

PLAIN, RERANKED = "", "+rerank"


class ReidEvaluator(FastReidEvaluator):
    """Collects features batch by batch and scores them.

    Args:
        cfg: ``TEST`` and ``MODEL.DEVICE`` are read, ``OUTPUT_DIR`` where there is no ``output_dir``.
        num_query: number of query images, which come first.
        output_dir: folder for the files that ``TEST.MDPR`` asks for.
        dataset_name: begins the names of these files.
        paths: of all images, queries first, for the file of rankings.
        share_queries: whether every process ranks a part of the queries, for which it needs all features;
            None where each has a GPU. On a CPU the first one, with all cores, is as fast in less memory.

    Raises:
        ConfigError: a key in ``TEST`` has a value that cannot be used.

    Attributes:
        results_by_setting: after `evaluate`, in the main process, the results without ("") and
            with ("+rerank") re-ranking; the latter only where ``TEST.RERANK.ENABLED``.
    """

    def __init__(
        self,
        cfg: CfgNode,
        num_query: int,
        output_dir: str | None = None,
        *,
        dataset_name: str = "",
        paths: Sequence[str] | None = None,
        share_queries: bool | None = None,
    ) -> None:
        # Not the parent's constructor, which compiles a Cython extension.
        self.cfg = cfg
        self.settings = EvaluationSettings.from_config(cfg)
        self._num_query = num_query
        self._output_dir = output_dir
        self._file_prefix = dataset_name
        self._paths = paths
        # All is computed where the model is.
        on_gpu = cfg.MODEL.DEVICE.startswith("cuda") and torch.cuda.is_available()
        self._device = cfg.MODEL.DEVICE if on_gpu else "cpu"
        shared = on_gpu if share_queries is None else share_queries
        self._share = RowShare(comm.get_rank(), comm.get_world_size()) if shared else ALL_ROWS
        self.results_by_setting: dict[str, OrderedDict[str, float]] = {}
        self.reset()

    def reset(self) -> None:
        """Forget the images seen so far."""
        self._features: list[torch.Tensor] = []
        self._labels: list[torch.Tensor] = []

    def process(self, inputs: Mapping[str, torch.Tensor], outputs: torch.Tensor) -> None:
        """Take one batch; what is on a GPU stays there until all is seen, and nothing waits for it.

        Args:
            inputs: fast-reid's batch, with ``targets`` (B,) persons and ``camids`` (B,) cameras.
            outputs: (B, D) features, on any device.

        Raises:
            ValueError: numbers of features, persons and cameras that differ.
        """
        labels = [torch.as_tensor(inputs[key]).long() for key in ("targets", "camids")]
        if not len(outputs) == len(labels[0]) == len(labels[1]):
            raise ValueError(
                f"a batch has {len(outputs)} features, {len(labels[0])} person labels and "
                f"{len(labels[1])} camera labels"
            )
        self._features.append(outputs.detach().float())
        self._labels.append(torch.stack(labels, dim=1))

    def evaluate(self) -> OrderedDict[str, float]:
        """Score all images seen, and forget them. Every process must call it; the main one gets results.

        Returns:
            "Rank-1", "Rank-5", "Rank-10", "mAP", "mINP" and "metric" (mean of mAP and Rank-1)
            in percent, and "TPR@FPR=..." as a fraction where ``TEST.ROC`` is on. With
            re-ranking on they are the re-ranked ones, as in fast-reid.

        Raises:
            EvaluationError: no images, no gallery, features that are not finite, zero features under
                cosine, or no query with a match.
        """
        shared = self._share.processes > 1
        keep = shared or comm.is_main_process()
        features, labels = (gather_rows(rows, keep=keep) for rows in (self._features, self._labels))
        self.reset()
        if not keep:
            return OrderedDict()
        if len(features) <= self._num_query:
            raise EvaluationError(
                f"{len(features)} images were seen, {self._num_query} of which should be "
                "queries: there is no gallery. Check that the loader reaches the whole data set"
            )
        with evaluation_threads(shared=shared):
            results = self._evaluate_all(features.numpy(), labels.numpy())
        if not comm.is_main_process():
            return OrderedDict()
        self.results_by_setting = results
        return copy.deepcopy(next(reversed(results.values()), OrderedDict()))

    def _evaluate_all(
        self, features: NDArray[np.float32], labels: NDArray[np.int64]
    ) -> dict[str, OrderedDict[str, float]]:
        """Score without and with re-ranking."""
        settings = self.settings
        if settings.save_features and comm.is_main_process():
            self._save_features(features, labels)
        split = RetrievalLabels.split(labels[:, 0], labels[:, 1], self._num_query)
        if settings.centralization is not None:
            logger.info("Test with neighbour feature centralization")
            options = settings.centralization
            features = centralize_features(features, options, device=self._device, share=self._share)
        if settings.expansion is not None:
            logger.info("Test with AQE setting")
            features = expand_features(features, settings.expansion, device=self._device, share=self._share)
        images = self._on_grid(features)
        names = (PLAIN,) if settings.rerank is None else (PLAIN, RERANKED)
        return {name: self._score(images, split, name) for name in names}

    def _on_grid(self, features: NDArray[np.float32]) -> RetrievalFeatures:
        query, gallery = features[: self._num_query], features[self._num_query :]
        return RetrievalFeatures.from_features(
            query, gallery, self.settings.metric, device=self._device, share=self._share
        )

    def _score(
        self, features: RetrievalFeatures, labels: RetrievalLabels, setting: str
    ) -> OrderedDict[str, float]:
        rerank = self.settings.rerank if setting == RERANKED else None
        source = distance_source(features, rerank)
        start = time.perf_counter()
        ranking = rank(source, labels, self.settings.ranking)
        results = OrderedDict(ranking.percentages())
        results["metric"] = (results["mAP"] + results["Rank-1"]) / 2
        if self.settings.roc:
            for fpr, tpr in tpr_at_fpr(source, labels).items():
                results[f"TPR@FPR={fpr:.0e}"] = tpr
        logger.info(
            "Scored %d queries against %d gallery images%s in %.1f s: mAP %.2f, Rank-1 %.2f",
            labels.num_query,
            labels.num_gallery,
            " with re-ranking" if setting == RERANKED else "",
            time.perf_counter() - start,
            results["mAP"],
            results["Rank-1"],
        )
        if self.settings.save_rankings and comm.is_main_process():
            self._save_rankings(ranking, labels, setting)
        return results

    def _save_features(self, features: NDArray[np.float32], labels: NDArray[np.int64]) -> None:
        is_query = np.arange(len(features)) < self._num_query
        saved = SavedFeatures(features, labels[:, 0], labels[:, 1], is_query)
        logger.info("Features written to %s", save_features(self._file("features"), saved))

    def _save_rankings(self, ranking: RankingResult, labels: RetrievalLabels, setting: str) -> None:
        measure = self.settings.measure if setting == PLAIN else f"re-ranked {self.settings.measure}"
        saved = SavedRankings.of(ranking, labels, self._paths, measure)
        file = self._file("rankings", setting)
        logger.info("Rankings written to %s", save_rankings(file, saved))

    def _file(self, content: str, setting: str = PLAIN) -> Path:
        stem = "_".join(part for part in (self._file_prefix + setting, content) if part)
        return Path(self._output_dir or self.cfg.OUTPUT_DIR) / f"{stem}.npz"
