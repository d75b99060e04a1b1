"""MLflow. Its own variables say where to: ``MLFLOW_TRACKING_URI``, ``MLFLOW_EXPERIMENT_NAME``, ..."""

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fastreid.config import CfgNode

from mdpr.engine.config_file import leaves
from mdpr.engine.loggers.base import LOGGER_REGISTRY, RunLogger, run_name

_LONGEST = 6000  # characters of a parameter's value
_NOT_IN_NAMES = re.compile(r"[^\w\-./: ]")


@LOGGER_REGISTRY.register()
class MLflowLogger(RunLogger):
    """A run of MLflow, with ``config.yaml`` and ``results.json`` as artifacts."""

    requires = ("mlflow", "mdpr[mlflow]")

    def __init__(self, cfg: CfgNode, run_id: str | None) -> None:
        # Between attempts it would wait for times drawn from Python's generator, which is part of the run.
        os.environ.setdefault("MLFLOW_HTTP_REQUEST_BACKOFF_JITTER", "0")
        import mlflow  # noqa: PLC0415 (an extra)

        self._client = mlflow.MlflowClient()
        self._folder = Path(cfg.OUTPUT_DIR)
        if run_id is None:
            experiment = mlflow.set_experiment(os.environ.get("MLFLOW_EXPERIMENT_NAME", "mdpr"))
            run = self._client.create_run(experiment.experiment_id, run_name=run_name(cfg))
            self.run_id = run.info.run_id
            # Those of a run never change, so a resumed one has its config in the artifact alone.
            values = [
                mlflow.entities.Param(key, str(value)[:_LONGEST]) for key, value in leaves(cfg) if value != ""
            ]
            self._client.log_batch(self.run_id, params=values)
        else:
            self.run_id = run_id
            self._client.update_run(run_id, status="RUNNING")
        self._client.log_artifact(self.run_id, str(self._folder / "config.yaml"))

    def log(self, step: int, scalars: Mapping[str, float]) -> None:
        """Take the scalars of a step, under names that MLflow allows."""
        from mlflow.entities import Metric  # noqa: PLC0415 (an extra)
        from mlflow.utils.time import get_current_time_millis  # noqa: PLC0415 (an extra)

        now = get_current_time_millis()
        metrics = [Metric(_NOT_IN_NAMES.sub("_", name), value, now, step) for name, value in scalars.items()]
        self._client.log_batch(self.run_id, metrics=metrics)

    def finish(self, results: Mapping[str, Any], succeeded: bool) -> None:
        """Add the results, and say how the run ended."""
        if results:
            self._client.log_dict(self.run_id, dict(results), "results.json")
        self._client.set_terminated(self.run_id, "FINISHED" if succeeded else "FAILED")
