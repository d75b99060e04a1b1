"""Who else gets the numbers of a run (``SOLVER.LOGGERS``): a file a service, and a user's own."""

from mdpr.engine.loggers.base import LOGGER_REGISTRY, RunLogger
from mdpr.engine.loggers.mlflow import MLflowLogger
from mdpr.engine.loggers.wandb import WandbLogger

__all__ = ["LOGGER_REGISTRY", "MLflowLogger", "RunLogger", "WandbLogger"]
