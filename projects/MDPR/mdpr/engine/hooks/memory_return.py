"""When freed memory stays, and when it goes back to the system."""

from fastreid.engine.hooks import HookBase

from mdpr.host import keep_freed_memory, return_free_memory


class MemoryReturn(HookBase):
    """On a CPU, steps use the memory again that steps before freed.

    What evaluation and checkpoints took for a while goes back before the next epoch starts.
    """

    def before_train(self) -> None:
        """Let freed memory stay, on a CPU."""
        if self.trainer.cfg.MODEL.DEVICE == "cpu":
            keep_freed_memory()

    def after_epoch(self) -> None:
        """Give back what lies idle; it comes last of all hooks."""
        return_free_memory()
