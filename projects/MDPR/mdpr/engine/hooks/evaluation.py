"""Evaluation within a run."""

from fastreid.engine.hooks import EvalHook


class EvaluationHook(EvalHook):
    """fast-reid's hook, which here evaluates the last epoch before the run's last checkpoint is written.

    A checkpoint is written before each evaluation, so that neither a signal nor a failure in it costs
    the epoch. Hooks that change what a checkpoint holds after an epoch come behind this one: a run
    resumed from that checkpoint begins with this evaluation.
    """

    def after_epoch(self) -> None:
        """Evaluate if it is time, or if this was the last epoch."""
        trainer = self.trainer
        epochs = trainer.epoch + 1
        if epochs < trainer.max_epoch and not (self._period > 0 and epochs % self._period == 0):
            return
        trainer.checkpoints.save_here()
        with trainer.signals.exit_at_once():
            self._do_eval()

    def after_train(self) -> None:
        """Let go of the trainer."""
        del self._func
