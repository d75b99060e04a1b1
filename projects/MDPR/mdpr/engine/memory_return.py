"""Memory that an epoch's end took for a while."""

from fastreid.engine.hooks import HookBase

from mdpr.host_memory import return_free_memory

__all__ = ["MemoryReturn"]


class MemoryReturn(HookBase):
    """Gives back what evaluation and checkpoints took, before the next epoch starts."""

    def after_epoch(self) -> None:
        """To be called after all other hooks."""
        return_free_memory()
