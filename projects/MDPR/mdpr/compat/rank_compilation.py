"""No compilation during evaluation.

The first evaluation of fast-reid runs ``make`` inside the installed package, with whatever Python is
on the PATH and a set-up script that needs ``distutils`` (gone in Python 3.12), and ends the whole
process where that fails. Its Python ranking works without it, and ``mdpr.evaluation`` needs neither.
"""

import logging

import fastreid.evaluation.reid_evaluation

logger = logging.getLogger(__name__)


def skip_compilation() -> None:
    """Replacement for fast-reid's ``compile_helper``: says that nothing is compiled."""
    logger.info("Ranking in Python: fast-reid's Cython extension is not compiled during a run")


def apply() -> None:
    """Make fast-reid's evaluator leave its package directory alone."""
    if hasattr(fastreid.evaluation.reid_evaluation, "compile_helper"):
        fastreid.evaluation.reid_evaluation.compile_helper = skip_compilation
