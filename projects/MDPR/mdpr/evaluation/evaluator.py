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
from mdpr.evaluation.gather import gather_rows
from mdpr.evaluation.ranking.labels import RetrievalLabels
from mdpr.evaluation.ranking.ranking import rank
from mdpr.evaluation.ranking.roc import tpr_at_fpr
from mdpr.evaluation.ranking.scores import RankingResult
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
    ) -> None:
        # Not the parent's constructor, which compiles a Cython extension.
        self.cfg = cfg
        self.settings = EvaluationSettings.from_config(cfg)
        self._num_query = num_query
        self._output_dir = output_dir
        self._file_prefix = dataset_name
        self._paths = paths
        self.results_by_setting: dict[str, OrderedDict[str, float]] = {}
        self.reset()

    def reset(self) -> None:
        """Forget the images seen so far."""
        self._features: list[torch.Tensor] = []
        self._labels: list[torch.Tensor] = []

    def process(self, inputs: Mapping[str, torch.Tensor], outputs: torch.Tensor) -> None:
        """Take one batch.

        Args:
            inputs: fast-reid's batch, with ``targets`` (B,) persons and ``camids`` (B,) cameras.
            outputs: (B, D) features, on any device.

        Raises:
            ValueError: numbers of features, persons and cameras that differ.
        """
        labels = [torch.as_tensor(inputs[key]).cpu().long() for key in ("targets", "camids")]
        if not len(outputs) == len(labels[0]) == len(labels[1]):
            raise ValueError(
                f"a batch has {len(outputs)} features, {len(labels[0])} person labels and "
                f"{len(labels[1])} camera labels"
            )
        self._features.append(outputs.detach().to("cpu", torch.float32))
        self._labels.append(torch.stack(labels, dim=1))

    def evaluate(self) -> OrderedDict[str, float]:
        """Score all images seen. Every process must call it; only the main one gets results.

        Returns:
            "Rank-1", "Rank-5", "Rank-10", "mAP", "mINP" and "metric" (mean of mAP and Rank-1)
            in percent, and "TPR@FPR=..." as a fraction where ``TEST.ROC`` is on. With
            re-ranking on they are the re-ranked ones, as in fast-reid.

        Raises:
            EvaluationError: no images, no gallery, features that are not finite, zero features under
                cosine, or no query with a match.
        """
        features = gather_rows(torch.cat(self._features or [torch.empty(0, 0)]))
        labels = gather_rows(torch.cat(self._labels or [torch.empty(0, 2, dtype=torch.int64)]))
        if not comm.is_main_process():
            return OrderedDict()
        if len(features) <= self._num_query:
            raise EvaluationError(
                f"{len(features)} images were seen, {self._num_query} of which should be "
                "queries: there is no gallery. Check that the loader reaches the whole data set"
            )
        return self._evaluate_all(features.numpy(), labels.numpy())

    def _evaluate_all(
        self, features: NDArray[np.float32], labels: NDArray[np.int64]
    ) -> OrderedDict[str, float]:
        settings = self.settings
        if settings.save_features:
            self._save_features(features, labels)
        split = RetrievalLabels.split(labels[:, 0], labels[:, 1], self._num_query)
        if settings.expansion is not None:
            logger.info("Test with AQE setting")
            features = expand_features(features, settings.expansion, device=self._device())
        images = self._on_grid(features)
        self.results_by_setting = {}
        for setting in (PLAIN,) if settings.rerank is None else (PLAIN, RERANKED):
            self.results_by_setting[setting] = self._score(images, split, setting)
        return copy.deepcopy(self.results_by_setting[setting])

    def _on_grid(self, features: NDArray[np.float32]) -> RetrievalFeatures:
        query, gallery = features[: self._num_query], features[self._num_query :]
        return RetrievalFeatures.from_features(query, gallery, self.settings.metric)

    def _score(
        self, features: RetrievalFeatures, labels: RetrievalLabels, setting: str
    ) -> OrderedDict[str, float]:
        rerank = self.settings.rerank if setting == RERANKED else None
        source = distance_source(features, rerank, device=self._device())
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
        if self.settings.save_rankings:
            self._save_rankings(ranking, labels, setting)
        return results

    def _save_features(self, features: NDArray[np.float32], labels: NDArray[np.int64]) -> None:
        is_query = np.arange(len(features)) < self._num_query
        saved = SavedFeatures(features, labels[:, 0], labels[:, 1], is_query)
        logger.info("Features written to %s", save_features(self._file("features"), saved))

    def _save_rankings(self, ranking: RankingResult, labels: RetrievalLabels, setting: str) -> None:
        saved = SavedRankings.of(ranking, labels, self._paths)
        file = self._file("rankings", setting)
        logger.info("Rankings written to %s", save_rankings(file, saved))

    def _file(self, content: str, setting: str = PLAIN) -> Path:
        stem = "_".join(part for part in (self._file_prefix + setting, content) if part)
        return Path(self._output_dir or self.cfg.OUTPUT_DIR) / f"{stem}.npz"

    def _device(self) -> str:
        """Choose where all of an evaluation is computed: on the model's GPU where there is one."""
        device: str = self.cfg.MODEL.DEVICE
        return device if device.startswith("cuda") and torch.cuda.is_available() else "cpu"
