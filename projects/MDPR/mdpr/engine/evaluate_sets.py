"""Evaluation on every test set: from the config's names to ``results.json``."""

import logging
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

from fastreid.config import CfgNode
from fastreid.utils import comm
from torch import nn
from torch.utils.data import DataLoader

from mdpr.data.validation import evaluated_sets
from mdpr.engine.data_parallel import broadcast_buffers, unwrapped
from mdpr.engine.feature_extraction import extract_features
from mdpr.engine.fingerprint import fingerprint_of
from mdpr.engine.network import evaluated_form
from mdpr.engine.results import results_table, write_results
from mdpr.evaluation import ReidEvaluator, SubmissionWriter

logger = logging.getLogger(__name__)


def evaluator_of(
    cfg: CfgNode, dataset_name: str, loader: DataLoader, num_query: int, output_dir: str | None
) -> ReidEvaluator:
    """What scores a test set; for one whose identities are secret, what writes a submission."""
    test_set: Any = loader.dataset
    paths = [path for path, _, _ in test_set.img_items]
    if test_set.has_identities:
        return ReidEvaluator(cfg, num_query, output_dir, dataset_name=dataset_name, paths=paths)
    file = Path(output_dir or cfg.OUTPUT_DIR) / f"{dataset_name}_submission.csv"
    return SubmissionWriter(cfg, num_query, paths, file)


def evaluate_sets(
    cfg: CfgNode,
    model: nn.Module,
    build_evaluator: Callable[[CfgNode, str], tuple[DataLoader, ReidEvaluator]],
) -> OrderedDict[str, Any]:
    """Evaluate on every set of `evaluated_sets`, log one table of them all, and write
    ``OUTPUT_DIR/results.json``. Every process must call it.

    Returns:
        Metrics in percent: of the one set, or by set where there are several; empty in processes
        other than the first.

    Raises:
        DatasetError: a set is missing; raised before any is evaluated.
        EvaluationError: features or labels that cannot be scored.
    """
    model = unwrapped(model)
    broadcast_buffers(model)
    model = evaluated_form(cfg, model)
    results: OrderedDict[str, Any] = OrderedDict()
    reported: dict[str, dict[str, float]] = {}
    tests = [(name, *build_evaluator(cfg, name)) for name in evaluated_sets(cfg)]
    for number, (name, loader, evaluator) in enumerate(tests, 1):
        logger.info("Evaluating on %s (%d of %d)", name, number, len(tests))
        extract_features(cfg, model, loader, evaluator)
        metrics = evaluator.evaluate()
        if not comm.is_main_process():
            continue
        results[name] = metrics
        for setting, values in evaluator.results_by_setting.items():
            reported[name + setting] = dict(values)
    if reported:
        path = write_results(cfg.OUTPUT_DIR, reported, fingerprint_of(cfg))
        logger.info("Results, also in %s:\n%s", path, results_table(reported))
    return next(iter(results.values())) if len(results) == 1 else results
