"""When the learning rate changes."""

from fastreid.engine.hooks import HookBase, LRScheduler

__all__ = ["EpochSchedule", "StepSchedule"]


class StepSchedule(LRScheduler):
    """The part of fast-reid's hook that comes after every step: warm-up."""

    def after_epoch(self) -> None:
        """Nothing: `EpochSchedule` does it."""

    def finish_epoch(self) -> None:
        """The part that comes after an epoch."""
        super().after_epoch()


class EpochSchedule(HookBase):
    """Takes the schedule to the next epoch, once this one is evaluated.

    Args:
        schedule: the hook that holds the schedule.
    """

    def __init__(self, schedule: StepSchedule) -> None:
        self._schedule = schedule

    def after_epoch(self) -> None:
        """Set the learning rate of the next epoch."""
        self._schedule.finish_epoch()
