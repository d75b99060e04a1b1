"""What a logger gets of a run, and what of its troubles the run gets: a line in the log."""

import threading

import pytest
from fastreid.utils.events import EventStorage
from mdpr.engine.loggers import LOGGER_REGISTRY, RunLogger, writer
from mdpr.engine.loggers.base import check_loggers
from mdpr.engine.loggers.writer import LoggerWriter
from mdpr.engine.results import write_results
from mdpr.errors import ConfigError
from support.configs import tiny_config


class Notes(RunLogger):
    """Keeps what it was given; fails where it is told to."""

    fails_in = ""
    made = None
    may_go_on = threading.Event()

    def __init__(self, cfg, run_id):
        Notes.made = self
        self.given_id, self.run_id = run_id, run_id or "new"
        self.lines, self.end = [], None
        self._do("init")

    def log(self, step, scalars):
        self._do("log")
        self.lines.append((step, scalars))

    def finish(self, results, succeeded):
        self._do("finish")
        self.end = (results, succeeded)

    def _do(self, what):
        self.may_go_on.wait()
        if what == self.fails_in:
            raise ConnectionError("no network")


@pytest.fixture(autouse=True)
def notes(monkeypatch):
    monkeypatch.setitem(LOGGER_REGISTRY._obj_map, "Notes", Notes)
    monkeypatch.setattr(Notes, "fails_in", "")
    Notes.may_go_on.set()
    return Notes


def log_run(folder, *, resumed=False, last_step=-1, error=None):
    """Three epochs' worth of lines, and an end."""
    cfg = tiny_config("OUTPUT_DIR", str(folder))
    target = LoggerWriter(cfg, "Notes", resumed=resumed, last_step=last_step)
    with EventStorage(0) as storage:
        for step in range(6):
            storage.iter = step
            storage.put_scalars(lr=0.5 / (step + 1), smoothing_hint=False)
            if step % 2:
                storage.put_scalars(loss=float(step), smoothing_hint=False)
            if step % 3 == 2:
                target.write()
        try:
            if error is not None:
                raise error
        finally:
            target.close()


def test_a_logger_gets_each_value_once_at_its_step(tmp_path):
    write_results(tmp_path, {"Duke": {"mAP": 50.0}})
    log_run(tmp_path)
    lines = Notes.made.lines
    assert [step for step, _ in lines] == [1, 2, 5]
    assert lines[0] == (1, {"loss": 1.0})
    assert lines[1] == (2, {"lr": 0.5 / 3})
    assert lines[2] == (5, {"loss": 5.0, "lr": 0.5 / 6})
    assert Notes.made.end == ({"Duke": {"mAP": 50.0}}, True)


def test_a_resumed_run_is_the_same_run_and_says_nothing_twice(tmp_path):
    log_run(tmp_path)
    log_run(tmp_path, resumed=True, last_step=2)
    assert Notes.made.given_id == "new"
    assert [step for step, _ in Notes.made.lines] == [5]
    (tmp_path / "Notes.run_id").write_text("other\n")
    log_run(tmp_path, resumed=True)
    assert Notes.made.given_id == "other"
    log_run(tmp_path)
    assert Notes.made.given_id is None


def test_a_run_that_breaks_off_has_not_succeeded(tmp_path):
    with pytest.raises(SystemExit):
        log_run(tmp_path, error=SystemExit(143))
    assert Notes.made.end == ({}, False)


@pytest.mark.parametrize("place", ["init", "log", "finish"])
def test_a_logger_that_fails_is_one_warning(tmp_path, place, notes, caplog):
    notes.fails_in = place
    log_run(tmp_path)
    (record,) = [record for record in caplog.records if record.levelname == "WARNING"]
    assert "Notes failed, and the run goes on without it: ConnectionError('no network')" in record.message
    assert Notes.made.end is None


def test_a_logger_that_hangs_holds_nothing_up(tmp_path, notes, caplog, monkeypatch):
    monkeypatch.setattr(writer, "SECONDS_TO_FINISH", 0.01)
    notes.may_go_on.clear()
    log_run(tmp_path)
    notes.may_go_on.set()
    assert "Notes is not done after" in caplog.text


def test_names_and_packages_are_checked_before_a_run(monkeypatch):
    check_loggers(tiny_config())
    with pytest.raises(
        ConfigError, match=r"expected one of .*MLflowLogger.*\(did you mean 'WandbLogger'\?\)"
    ):
        check_loggers(tiny_config("SOLVER.LOGGERS", ["WandbLoger"]))
    monkeypatch.setattr(Notes, "requires", ("mdpr_has_no_such_package", "mdpr[notes]"))
    with pytest.raises(
        ConfigError, match=r"'Notes', and mdpr_has_no.* not installed: pip install 'mdpr\[notes\]'"
    ):
        check_loggers(tiny_config("SOLVER.LOGGERS", ["Notes"]))
