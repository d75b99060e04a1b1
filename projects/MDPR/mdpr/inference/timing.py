"""How fast each way to run a model is on this machine, each measured in a process of its own."""

import multiprocessing
import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from fastreid.modeling.meta_arch import build_model

from mdpr.config import changed
from mdpr.deployment import DeployedMDPR, deploy
from mdpr.deployment.compilation import compiled_or_not
from mdpr.errors import MDPRError
from mdpr.host import cpu_computes_in_bfloat16
from mdpr.inference.embedder import Embedder
from mdpr.inference.export.export import write
from mdpr.inference.export.images import crops_of_sources
from mdpr.inference.preprocessing import preprocessing_of
from mdpr.modeling.meta_arch import MDPR

_LEAST_CALLS = 3


@dataclass(frozen=True)
class Timing:
    """One way to run a model.

    Attributes:
        form: such as "deployed fp32".
        milliseconds: an image, by batch size: the median of calls after the first.
        start: seconds from nothing but imports to the features of the first image.
        megabytes: the most memory above that of the imports; None but on Linux.
        failure: what its runtime said where it did not run; there are no figures then.
    """

    form: str
    milliseconds: dict[int, float]
    start: float | None
    megabytes: float | None
    failure: str = ""


def timings(
    model: str | Path,
    batches: Sequence[int] = (1, 8, 32),
    *,
    seconds: float = 5.0,
    images: Sequence[str | Path] = (),
) -> Iterator[Timing]:
    """Time every way to run a model that this processor and the installed packages have.

    Args:
        model: a model file, or the folder of a run; "plain" needs one, as a model file is deployed already.
        batches: images at a time.
        seconds: after which no further call of a batch is made, though there are three.
        images: for the ranges of INT8; none draws people.

    Yields:
        As each is measured, or has failed. Files that are exported for it are not checked.

    Raises:
        MDPRError, OSError: a model or images that cannot be read.
    """
    reference = Embedder(str(model), "cpu")
    is_method = isinstance(reference.network, (MDPR, DeployedMDPR))
    forms = ["plain"] if reference.file is None else []
    forms += ["deployed fp32", "compiled fp32"] if is_method else []
    halves = is_method and cpu_computes_in_bfloat16()
    forms += ["deployed bf16"] if halves else []
    for form in forms:
        yield _alone(form, str(model), batches, seconds)
    crops, others = crops_of_sources(images)
    for to, suffix, precisions in (
        ("onnx", ".onnx", ("fp32", "int8")),
        ("openvino", ".xml", ("fp32", "bf16", "int8") if halves else ("fp32", "int8")),
    ):
        for precision in precisions:
            with tempfile.TemporaryDirectory() as folder:
                path = Path(folder, f"model{suffix}")
                shape = {"format": to, "input": "255", "precision": precision}
                write(reference, path, shape, others or crops)
                yield _alone(f"{to} {precision}", str(path), batches, seconds)


def _alone(*arguments: Any) -> Timing:
    form, *_ = arguments
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, context) as pool:
        try:
            return pool.submit(_measure, *arguments).result()
        except MDPRError:
            raise
        except Exception as error:  # each runtime has errors of its own
            reason = next((line for line in reversed(str(error).splitlines()) if line.strip()), "")
            return Timing(form, {}, None, None, f"{type(error).__name__}: {reason.strip()}")


def _measure(form: str, source: str, batches: Sequence[int], seconds: float) -> Timing:
    before, start = _megabytes("VmRSS"), time.perf_counter()
    embedder = _embedder(form, source)
    height, width = preprocessing_of(embedder.cfg)["size"]
    embedder.features(torch.zeros(1, 3, height, width))
    started = time.perf_counter() - start
    taken = {}
    for batch in batches:
        pixels = torch.randint(0, 256, (batch, 3, height, width)).float()
        embedder.features(pixels)
        times: list[float] = []
        while len(times) < _LEAST_CALLS or sum(times) < seconds:
            begin = time.perf_counter()
            embedder.features(pixels)
            times.append(time.perf_counter() - begin)
        taken[batch] = 1000 * statistics.median(times) / batch
    peak = _megabytes("VmHWM")
    return Timing(form, taken, started, None if peak is None or before is None else peak - before)


def _embedder(form: str, source: str) -> Embedder:
    embedder = Embedder(source, "cpu", "bf16" if form == "deployed bf16" else "fp32")
    network = embedder.network
    if form == "plain":  # without `mdpr.kernels`
        embedder.network = build_model(changed(embedder.cfg, "MODEL.DEVICE", "cpu")).eval()
        embedder.network.load_state_dict(network.state_dict())
    elif form in ("deployed fp32", "compiled fp32"):
        deployed: Any = deploy(network) if isinstance(network, MDPR) else network
        if form == "compiled fp32":
            deployed.embed = compiled_or_not(deployed.embed, options={"freezing": True})
        embedder.network = deployed
    return embedder


def _megabytes(key: str) -> float | None:
    """Resident memory of this process: ``VmRSS`` now, ``VmHWM`` at its highest."""
    try:
        lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(key))
