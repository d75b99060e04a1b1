"""When curves are written."""

from fastreid.engine.hooks import PeriodicWriter


class MetricsWriter(PeriodicWriter):
    """fast-reid's hook, with writers made when training starts, and one line a step.

    What the last step of an epoch logged is written once the epoch is evaluated, with the metrics.
    """

    def __init__(self, period: int) -> None:
        super().__init__([], period)

    def before_train(self) -> None:
        """Open the files, now that it is known where they are to go on."""
        self._writers = self.trainer.build_writers()

    def after_step(self) -> None:
        """Write if it is time."""
        steps_done = self.trainer.iter + 1
        if steps_done % self._period == 0 and steps_done % self.trainer.iters_per_epoch:
            for writer in self._writers:
                writer.write()
