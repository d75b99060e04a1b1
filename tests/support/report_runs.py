"""Folders as runs leave them, without a training: rankings of drawn images whose names are hostile."""

import json

import numpy as np
import torch
from mdpr.evaluation import SavedRankings, rank_features, save_rankings
from mdpr.evaluation.ranking.ranking import RankingOptions
from PIL import Image

from support.configs import tiny_config
from support.retrieval_by_loops import random_problem

SCRIPT = "</script><script>window.broken = 1</script>"
NAME = "<img src=x onerror=window.broken=1> {}.jpg"
SCORES = {"mAP": 61.25, "Rank-1": 72.5, "Rank-5": 90.0, "Rank-10": 95.0, "mINP": 30.125}
LOG = """\
[11/26 05:10:13] mdpr.engine.setup DEBUG: Command line: train_net.py --config-file {script}
[11/26 05:10:13] mdpr.engine.setup DEBUG: Process 0 of 2
[11/26 05:10:13] mdpr.engine.setup DEBUG: Python 3.11.7, torch 2.14.1, 2 cores with AVX2, GPUs: none
[11/26 05:10:13] mdpr.engine.setup INFO: Config: my.yml on configs/Base-MDPR.yml, with
[11/26 05:29:51] fastreid.engine.hooks INFO: Total training time: 0:19:35 (0:02:13 on hooks)
speed               6.6 images/s in 216 steps
"""


def draw_images(folder, count=100):
    """Paths of images with names that are HTML; the first is missing."""
    folder.mkdir()
    paths = [str(folder / NAME.format(index)) for index in range(count)]
    for index, path in enumerate(paths[1:]):
        Image.new("RGB", (20, 40), (2 * index, 120, 30)).save(path)
    return paths


def ranked(paths=None, *, seed=3, dimension=None, measure="cosine", **shape):
    query, gallery, labels = random_problem(seed, **shape)
    found = rank_features(
        query[:, :dimension], gallery[:, :dimension], labels, options=RankingOptions(top_k=15)
    )
    return SavedRankings.of(found, labels, paths, measure)


def write_run(folder, rankings, *options, data_set="Market1501"):
    """A run's folder: config, scores, log, losses and, by name, rankings."""
    folder.mkdir()
    cfg = tiny_config("DATASETS.NAMES", (data_set,), "DATASETS.TESTS", (data_set,), *options)
    (folder / "config.yaml").write_text(cfg.dump())
    (folder / "results.json").write_text(
        json.dumps({"Set": SCORES, SCRIPT: SCORES, "fingerprint": {"device": SCRIPT}})
    )
    (folder / "log.txt").write_text(LOG.format(script=SCRIPT))
    lines = [
        {"iteration": step, "total_loss": 9.0 - step, "loss_group/hard": 6.0, "lr": 1e-3} for step in (0, 1)
    ]
    (folder / "metrics.json").write_text("".join(json.dumps(line) + "\n" for line in lines))
    for name, one in rankings.items():
        save_rankings(folder / f"{name}_rankings.npz", one)
    return folder


def save_weights(folder, network):
    torch.save({"model": network.state_dict()}, folder / "model_final.pth")
    (folder / "last_checkpoint").write_text("model_final.pth")


def many_images(count, size=(64, 128), seed=0):
    """Images with as much detail as photographs have, no two alike."""
    random = np.random.default_rng(seed)
    for _ in range(count):
        small = random.integers(0, 256, (16, 8, 3), dtype=np.uint8)
        yield Image.fromarray(small).resize(size, Image.Resampling.BICUBIC)
