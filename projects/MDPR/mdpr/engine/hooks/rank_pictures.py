"""The last rank lists, to be looked at while a run goes on."""

from pathlib import Path

from fastreid.engine.hooks import HookBase

from mdpr.engine.reporting.rank_sheet import drawn_by_chance, rank_sheet, worst_to_best
from mdpr.evaluation.saved_files.rankings import load_rankings

QUERIES = 8  # of each picture


class RankPictures(HookBase):
    """Puts two pictures of each test set into the run's storage, from the rankings that an evaluation saved.

    It comes behind evaluation and before the writers of curves. A set without identities has no rankings.
    """

    def after_epoch(self) -> None:
        """Draw them if there was an evaluation."""
        trainer = self.trainer
        last = trainer.evaluations.last
        if last is None or last.epoch != trainer.epoch + 1:
            return
        for name in trainer.cfg.DATASETS.TESTS:
            file = Path(trainer.cfg.OUTPUT_DIR, f"{name}_rankings.npz")
            if not file.is_file():
                continue
            rankings = load_rankings(file)
            for title, choose in (("worst_to_best", worst_to_best), ("by_chance", drawn_by_chance)):
                queries = choose(rankings.average_precision, QUERIES)
                trainer.storage.put_image(f"rank_lists/{name}/{title}", rank_sheet(rankings, queries))
