"""From a run's checkpoint to the curve in the documentation, on a miniature."""

import json
from types import SimpleNamespace

import numpy as np
import torch
from benchmarks import short_embeddings, short_embeddings_run
from benchmarks.pages import BEGIN, END
from mdpr.engine.network import build_network
from mdpr.evaluation import score_saved_features
from mdpr.evaluation.saved_files.features import load_features
from PIL import Image
from support.configs import ONE_BRANCH, tiny_config


def test_from_a_checkpoint_to_a_page(tmp_path, monkeypatch, capsys):
    cfg = tiny_config(*ONE_BRANCH, "MODEL.MDPR.NESTED_DIMS", [8, 16])
    run, output, docs = (tmp_path / name for name in ("run", "output", "docs"))
    run.mkdir()
    docs.mkdir()
    torch.save({"model": build_network(cfg).state_dict()}, run / "model_final.pth")
    (run / "config.yaml").write_text(cfg.dump())
    (run / "last_checkpoint").write_text("model_final.pth")
    (run / "results.json").write_text("{}")
    items = []
    for number, pixels in enumerate(np.random.default_rng(0).integers(0, 256, (26, 40, 20, 3))):
        Image.fromarray(pixels.astype(np.uint8)).save(tmp_path / f"{number}.png")
        items.append((str(tmp_path / f"{number}.png"), number % 3, number // 3 % 2))
    dataset = SimpleNamespace(train=items[:18], query=items[18:21], gallery=items[21:])
    monkeypatch.setattr(short_embeddings_run, "load_dataset", lambda *_: dataset)
    monkeypatch.setattr(short_embeddings_run, "QUICK_DIMS", (8, 16))
    monkeypatch.setattr(short_embeddings, "GOALS", ((16, "int8"),))

    assert short_embeddings_run.main(["--quick", "--run", str(run), "--output", str(output)]) == 0
    whole, nested = (load_features(output / f"test_{name}.npz") for name in ("whole", "nested"))
    assert (whole.features.shape, nested.features.shape) == ((8, 32), (8, 16))

    (docs / "short_embeddings.md").write_text(f"# Short\n{BEGIN}\n{END}\n")
    assert short_embeddings.main(["--features", str(output), "--docs", str(docs)]) == 0
    results = json.loads((docs / "short_embeddings_benchmark.json").read_text())
    assert len(results["rows"]) == 4 * (1 + 4 * 2)
    assert results["images"] == {"train": 18, "query": 3, "gallery": 5}
    for row in results["rows"]:
        if row["form"] == "float32" and row["feature"] in ("whole feature", "trained"):
            features = (whole if row["numbers"] == 32 else nested).features[:, : row["numbers"]]
            saved = short_embeddings.replace(whole, features=np.ascontiguousarray(features))
            assert abs(row["mAP"] - score_saved_features(saved)["mAP"]) < 1e-4
    page = (docs / "short_embeddings.md").read_text()
    assert "| whole feature" in page
    assert "16 numbers in int8, 16 bytes, against the whole feature: trained" in page
    assert (docs / "short_embeddings_curve.png").stat().st_size > 10_000
