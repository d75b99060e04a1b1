import json
import runpy
from pathlib import Path

SCRIPT = Path(__file__).parents[2] / "scripts" / "benchmark_evaluation.py"


def test_quick_run(tmp_path, capsys):
    main = runpy.run_path(str(SCRIPT))["main"]
    file = tmp_path / "measurements.json"
    assert main(["--quick", "--dimensions", "16", "--no-growth", "--json", str(file)]) == 0
    measurements = json.loads(file.read_text())
    stages = [measurement["stage"] for measurement in measurements]
    assert stages == [
        "ours: rank",
        "ours: re-rank, encode",
        "ours: re-rank, distances",
        "ours: re-rank, distances + rank",
        "fast-reid: distances",
        "fast-reid: rank",
        "fast-reid: re-rank",
    ]
    assert 5 < measurements[0]["mean_average_precision"] < 95
    assert "| quick  |    16 | ours: rank" in capsys.readouterr().out
