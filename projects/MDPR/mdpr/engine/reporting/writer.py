"""When curves are written."""

from fastreid.engine.hooks import PeriodicWriter

__all__ = ["RunWriter"]


class RunWriter(PeriodicWriter):
    """fast-reid's writer, without its loss of evaluations.

    A writer takes each iteration once. fast-reid writes after the last step of training, so that what
    the evaluation behind it finds, which counts as of the same iteration, is never written.
    """

    def after_step(self) -> None:
        """Write every few steps; the last step of an epoch waits for its evaluation."""
        done = self.trainer.iter + 1
        if done % self._period == 0 and done % self.trainer.iters_per_epoch:
            self._write()

    def after_train(self) -> None:
        """Write what came after the last epoch, and close."""
        self._write()
        super().after_train()

    def _write(self) -> None:
        for writer in self._writers:
            writer.write()
