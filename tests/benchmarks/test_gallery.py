"""The gallery's benchmark runs whole, and its tables show what was measured."""

import json

from benchmarks.gallery import main
from benchmarks.gallery_tables import PAGE


def test_quick_run(tmp_path, capsys):
    page = tmp_path / "gallery.md"
    page.write_text("before\n<!-- benchmark: begin -->\nold\n<!-- benchmark: end -->\nafter\n")
    assert main(["--quick", "--docs", str(tmp_path)]) == 0
    results = json.loads((tmp_path / "gallery_benchmark.json").read_text())
    adding, *searches = results["measurements"]
    assert adding["seconds"] > 0 and adding["faiss_seconds"] > 0
    assert [(row["vectors"], row["index"]) for row in searches] == [
        *((300, "Flat"), (300, "HNSW")),
        *((600, "Flat"), (600, "HNSW")),
    ]
    assert all(0.9 <= row["recall"] <= 1 for row in searches)
    assert (tmp_path / PAGE.picture).read_bytes().startswith(b"\x89PNG")
    assert "| 300 |" in page.read_text().replace("  ", "") and "old" not in page.read_text()
    capsys.readouterr()


def test_figures_in_the_tables():
    search = {
        **{"task": "search", "vectors": 1_000_000, "index": "HNSW", "factory": "HNSW16 efSearch=64"},
        **{"recall": 0.9876, "queries_per_second": 1234.5, "index_bytes": 1160.2, "build_seconds": 600.0},
        "bare_ratio": None,
    }
    flat = {**search, "index": "Flat", "factory": "Flat", "bare_ratio": 1.05}
    add = {"task": "add", "dimension": 256, "seconds": 0.02, "faiss_seconds": 0.015}
    text = PAGE.markdown({"machine": {}, "quick": False, "measurements": [add, search, flat]})
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines()]
    assert ["256", "20", "15", "0.75x"] in rows
    assert ["1,000,000", "HNSW", "HNSW16 efSearch=64", "0.988", "1,234", "1,160", "600.0", ""] in rows
    assert ["1,000,000", "Flat", "Flat", "0.988", "1,234", "1,160", "600.0", "1.05x"] in rows
