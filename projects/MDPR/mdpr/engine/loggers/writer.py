"""From a run's storage to its loggers, so that none of them can stop, slow down or change the run."""

import logging
import sys
from collections import defaultdict
from contextlib import suppress
from pathlib import Path
from queue import SimpleQueue
from threading import Thread

from fastreid.config import CfgNode
from fastreid.utils.events import EventWriter, get_event_storage

from mdpr.engine.loggers.base import LOGGER_REGISTRY, RunLogger
from mdpr.engine.results import read_results
from mdpr.files import write_atomically

logger = logging.getLogger(__name__)

SECONDS_TO_FINISH = 60.0  # that the end of a run waits for what is not sent yet


class LoggerWriter(EventWriter):
    """fast-reid's interface over a `RunLogger`, which works in a thread: a slow network costs no step.

    Args:
        cfg: of the run; its ``OUTPUT_DIR`` keeps the logger's run id.
        name: of the logger.
        resumed: whether to go on with the run of that id.
        last_step: the last one that is in the run's own curves.
    """

    def __init__(self, cfg: CfgNode, name: str, *, resumed: bool, last_step: int) -> None:
        self._name = name
        self._last_step = last_step
        self._succeeded = False
        self._lines: SimpleQueue[tuple[int, dict[str, float]] | None] = SimpleQueue()
        self._thread = Thread(target=self._work, args=(cfg, resumed), name=name, daemon=True)
        self._thread.start()

    def write(self) -> None:
        """Hand over what was logged since the last time."""
        if not self._thread.is_alive():
            return
        lines: dict[int, dict[str, float]] = defaultdict(dict)
        for name, (value, step) in get_event_storage().latest_with_smoothing_hint().items():
            if step > self._last_step:
                lines[step][name] = value
        for line in sorted(lines.items()):
            self._lines.put(line)
            self._last_step = line[0]

    def close(self) -> None:
        """Send the rest, and wait for it; called where an error passes by, the run has failed."""
        self._succeeded = sys.exc_info()[0] is None
        self._lines.put(None)
        self._thread.join(SECONDS_TO_FINISH)
        if self._thread.is_alive():
            logger.warning("%s is not done after %.0f s: the rest is lost", self._name, SECONDS_TO_FINISH)

    def _work(self, cfg: CfgNode, resumed: bool) -> None:
        try:
            target = self._open(cfg, resumed)
            for line in iter(self._lines.get, None):
                target.log(*line)
            results: dict[str, dict[str, float]] = {}
            with suppress(FileNotFoundError):  # nothing was evaluated
                results, _ = read_results(cfg.OUTPUT_DIR)
            target.finish(results, self._succeeded)
        except Exception as error:
            logger.warning("%s failed, and the run goes on without it: %r", self._name, error)

    def _open(self, cfg: CfgNode, resumed: bool) -> RunLogger:
        file = Path(cfg.OUTPUT_DIR, f"{self._name}.run_id")
        run_id = file.read_text().strip() if resumed and file.is_file() else None
        target = LOGGER_REGISTRY.get(self._name)(cfg, run_id)
        with write_atomically(file) as stream:
            stream.write(f"{target.run_id}\n")
        return target
