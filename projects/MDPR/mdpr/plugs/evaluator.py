"""fast-reid's trainer scores by this project's evaluator.

fast-reid's own compiles a Cython extension during the first evaluation, holds all distances, and re-ranks by
a call that is gone from faiss, on a GPU only.
"""

import fastreid.engine.defaults
import fastreid.evaluation
import fastreid.evaluation.reid_evaluation

from mdpr.evaluation import ReidEvaluator


def apply() -> None:
    """Put `mdpr.evaluation.ReidEvaluator` in the place of fast-reid's."""
    for module in (fastreid.evaluation.reid_evaluation, fastreid.evaluation, fastreid.engine.defaults):
        module.ReidEvaluator = ReidEvaluator
