"""fast-reid's re-identification evaluator on this package's ranking and re-ranking.

Drop-in for `fastreid.evaluation.ReidEvaluator`: same configuration keys (``TEST.METRIC``,
``TEST.RERANK``, ``TEST.AQE``, ``TEST.ROC``), same results under the same names. It compiles
nothing, needs no GPU and never holds all distances.
"""

import copy
import logging
import time
from collections import OrderedDict
from collections.abc import Mapping

import numpy as np
import torch
from fastreid.config import CfgNode
from fastreid.evaluation import ReidEvaluator as FastReidEvaluator
from fastreid.utils import comm
from numpy.typing import NDArray

from mdpr.evaluation.distances import DistanceSource, FeatureDistances
from mdpr.evaluation.gather import gather_rows
from mdpr.evaluation.labels import RetrievalLabels
from mdpr.evaluation.query_expansion import QueryExpansionOptions, expand_features
from mdpr.evaluation.ranking import rank
from mdpr.evaluation.rerank import RerankedDistances, RerankOptions
from mdpr.evaluation.roc import tpr_at_fpr

logger = logging.getLogger(__name__)

PLAIN, RERANKED = "", "+rerank"


class ReidEvaluator(FastReidEvaluator):
    """Collects features batch by batch and scores them.

    Attributes:
        results_by_setting: after `evaluate`, in the main process, the results without ("") and
            with ("+rerank") re-ranking; the latter only where ``TEST.RERANK.ENABLED``.
    """

    def __init__(self, cfg: CfgNode, num_query: int, output_dir: str | None = None) -> None:
        """Prepare for a data set whose first ``num_query`` images are the queries.

        The parent's constructor is left out on purpose: it compiles a Cython extension.
        """
        self.cfg = cfg
        self._num_query = num_query
        self._output_dir = output_dir
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
            ValueError: no images, no gallery, features that are not finite, no query with a
                match, or a configuration value outside its range.
        """
        features = gather_rows(torch.cat(self._features or [torch.empty(0, 0)]))
        labels = gather_rows(torch.cat(self._labels or [torch.empty(0, 2, dtype=torch.int64)]))
        if not comm.is_main_process():
            return OrderedDict()
        if len(features) <= self._num_query:
            raise ValueError(
                f"{len(features)} images were seen, {self._num_query} of which should be "
                "queries: there is no gallery. Check that the loader reaches the whole data set"
            )
        return self._evaluate_all(features.numpy(), labels.numpy())

    def _evaluate_all(
        self, features: NDArray[np.float32], labels: NDArray[np.int64]
    ) -> OrderedDict[str, float]:
        test = self.cfg.TEST
        split = RetrievalLabels.split(labels[:, 0], labels[:, 1], self._num_query)
        if test.AQE.ENABLED:
            logger.info("Test with AQE setting")
            features = expand_features(
                features,
                QueryExpansionOptions(
                    alpha=test.AQE.ALPHA, times=test.AQE.QE_TIME, k=test.AQE.QE_K
                ),
            )
        query, gallery = features[: self._num_query], features[self._num_query :]
        device = self._device()
        self.results_by_setting = {}
        setting = PLAIN
        source: DistanceSource = FeatureDistances.from_features(
            query, gallery, metric=test.METRIC, device=device
        )
        self.results_by_setting[PLAIN] = self._score(source, split, setting)
        if test.RERANK.ENABLED:
            logger.info("Test with rerank setting")
            setting = RERANKED
            options = RerankOptions(
                k1=test.RERANK.K1, k2=test.RERANK.K2, original_weight=test.RERANK.LAMBDA
            )
            source = RerankedDistances(
                query, gallery, metric=test.METRIC, options=options, device=device
            )
            self.results_by_setting[RERANKED] = self._score(source, split, setting)
        return copy.deepcopy(self.results_by_setting[setting])

    def _score(
        self, source: DistanceSource, labels: RetrievalLabels, setting: str
    ) -> OrderedDict[str, float]:
        start = time.perf_counter()
        results = OrderedDict(rank(source, labels).percentages())
        results["metric"] = (results["mAP"] + results["Rank-1"]) / 2
        if self.cfg.TEST.ROC.ENABLED:
            for fpr, tpr in tpr_at_fpr(source, labels).items():
                results[f"TPR@FPR={fpr:.0e}"] = tpr
        logger.info(
            "Scored %d queries against %d gallery images%s in %.1f s",
            labels.num_query,
            labels.num_gallery,
            " with re-ranking" if setting == RERANKED else "",
            time.perf_counter() - start,
        )
        return results

    def _device(self) -> str:
        """Choose where distances are computed: the model's GPU where there is one."""
        wants_gpu = self.cfg.MODEL.DEVICE.startswith("cuda")
        return "cuda" if wants_gpu and torch.cuda.is_available() else "cpu"
