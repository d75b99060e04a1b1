"""Checks by processes of their own: a raising loader, runs of several processes, the demo."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import mdpr.host
import torch
from mdpr.engine.results import read_results

from mdpr_doctor.child import MESSAGE
from mdpr_doctor.configs import DEMO, RUN, Options, options
from mdpr_doctor.finding import Finding, failed, ok
from mdpr_doctor.miniature import TRAIN_IDENTITIES, draw_miniature
from mdpr_doctor.processes import PythonProcess

LIMIT = 240.0
"""Seconds of a miniature run, which on two slow cores takes 25: more is a run that hangs."""


@contextmanager
def temporary_folder() -> Iterator[Path]:
    """A folder that is gone at the end of the block."""
    with tempfile.TemporaryDirectory(prefix="mdpr_doctor_", ignore_cleanup_errors=True) as folder:
        yield Path(folder)


def train(
    output: Path,
    device: str,
    *layers: Options,
    arguments: tuple[str, ...] = (),
    program: tuple[str, ...] = ("mdpr", "train"),
) -> PythonProcess:
    """Start ``mdpr train`` on the data sets beside its output folder.

    Args:
        output: ``OUTPUT_DIR``; what the run prints is in a file of the same name beside it.
        device: ``MODEL.DEVICE``.
        layers: options.
        arguments: what else stands in the command line.
        program: module, and what of it.
    """
    last = {"MODEL.DEVICE": device, "OUTPUT_DIR": output}
    command = ["-m", *program, *arguments, *options(*layers, last)]
    # On a CPU two runs have the same bits only with the same threads.
    threads = {"OMP_NUM_THREADS": "1"} if device == "cpu" else {}
    return PythonProcess(command, output.with_suffix(".log"), FASTREID_DATASETS=str(output.parent), **threads)


def check_raising_loader(device: str, limit: float = 90.0) -> Finding:
    """Whether the exception of a loader process arrives, and the process then ends.

    Args:
        device: where batches go.
        limit: seconds it may take.
    """
    command = ["-m", "mdpr_doctor.child", "raising-loader", device]
    with temporary_folder() as folder, PythonProcess(command, folder / "loader.log") as process:
        code, printed = process.wait(limit), process.printed
    if code != 1 or MESSAGE not in printed:
        what = f"still waiting after {limit:.0f} s" if code is None else f"exit code {code}, without it"
        return failed(what, "train with DATALOADER.NUM_WORKERS 0", printed=printed[-3000:])
    return ok("its exception arrived, and the process ended")


def check_processes(device: str, count: int | None = None, limit: float = LIMIT) -> Finding:
    """A run over all GPUs; with a single one, a process group of one process beside it.

    Args:
        device: "cuda" for NCCL, "cpu" for gloo.
        count: processes; None takes one a GPU.
        limit: seconds of the run.
    """
    count = torch.cuda.device_count() if count is None else count
    with temporary_folder() as folder:
        draw_miniature(folder, TRAIN_IDENTITIES * count)
        sizes = {"SOLVER.IMS_PER_BATCH": 8 * count, "DATALOADER.NUM_WORKERS": 0}
        with train(folder / "run", device, RUN, sizes, arguments=("--num-gpus", str(count))) as process:
            process.expect_success(limit)
        score = _score(folder / "run")
        if count == 1:
            command = ["-m", "mdpr_doctor.child", "group-of-one", device]
            with PythonProcess(command, folder / "group.log") as process:
                process.expect_success(limit)
    backend = "NCCL" if device == "cuda" else "gloo"
    what = f"{count} trained and evaluated" if count > 1 else "1 trained and evaluated, and a group of one"
    return ok(f"{what}, {backend}", **score)


def check_synth_persons(
    device: str, *, limit: float = 270.0, least: float = 80.0, changes: Options | None = None
) -> Finding:
    """The demo: draw SynthPersons, train on it, and reach its mAP.

    Args:
        device: where to train.
        limit: seconds.
        least: mAP that it has to reach, in percent.
        changes: options on top of the demo's.
    """
    emulated = device == "cuda" and not torch.cuda.is_bf16_supported(including_emulation=False)
    fitting: Options = {
        "DATALOADER.NUM_WORKERS": min(4, mdpr.host.usable_cores()),
        "SOLVER.AMP.DTYPE": "fp16" if emulated else "bf16",
    }
    with temporary_folder() as folder:
        with train(folder / "run", device, DEMO, fitting, changes or {}) as process:
            process.expect_success(limit)
        score = _score(folder / "run")
    found = f"mAP {score['mAP']:.2f}, Rank-1 {score['Rank-1']:.2f}"
    if score["mAP"] < least:
        return failed(f"{found}: below {least:g} mAP", "see the rows of parity and steps", **score)
    return ok(found, **score)


def _score(output: Path) -> dict[str, float]:
    """The scores of the one set that a run has evaluated, in percent."""
    (score,) = read_results(output)[0].values()
    return dict(score)
