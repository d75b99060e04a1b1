"""Which checkpoints are written."""

from types import SimpleNamespace

from fastreid.utils.events import EventStorage
from mdpr.engine.hooks.checkpointing import CheckpointHook
from support.configs import tiny_config


class TestBest:
    """``model_best`` follows the metric, across restarts."""

    def evaluate(self, hook, metrics):
        saved = []
        with EventStorage(0) as storage:
            hook.trainer = SimpleNamespace(
                storage=storage,
                is_last_epoch=False,
                checkpoints=SimpleNamespace(save=lambda name, **_: saved.append((name, hook.best))),
            )
            for epoch, metric in enumerate(metrics):
                hook.trainer.epoch, hook.trainer.iter = epoch, epoch + 1
                storage.iter = epoch
                if metric is not None:
                    storage.put_scalar("metric", metric, smoothing_hint=False)
                hook.after_epoch()
        return saved

    def test_only_better_evaluations_are_kept(self):
        hook = CheckpointHook(tiny_config("SOLVER.CHECKPOINT_PERIOD", 100))
        values = [10.0, None, 30.0, 20.0, float("nan"), 30.0, 31.0]
        assert self.evaluate(hook, values) == [("model_best", v) for v in (10.0, 30.0, 31.0)]
        again = CheckpointHook(tiny_config("SOLVER.CHECKPOINT_PERIOD", 100))
        again.load_state_dict(hook.state_dict())
        assert self.evaluate(again, [30.5, 32.0]) == [("model_best", 32.0)]
