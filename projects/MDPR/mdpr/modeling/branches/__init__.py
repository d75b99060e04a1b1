"""The two content branches over one shared stem (paper, sections 3.2 and 3.3)."""

from mdpr.modeling.branches.hard import HardContentBranch
from mdpr.modeling.branches.one_stage import OneStageSoftBranch
from mdpr.modeling.branches.soft import SoftContentBranch

__all__ = ["HardContentBranch", "OneStageSoftBranch", "SoftContentBranch"]
