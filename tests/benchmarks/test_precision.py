import json

import pytest
from benchmarks import precision


@pytest.mark.parametrize(("bfloat16", "code"), [((80.0, 82.5), 0), ((80.0, 78.9), 1)])
def test_means_over_seeds_are_compared(bfloat16, code, tmp_path, capsys, monkeypatch):
    scores = {"float32": (80.0, 81.0), "bfloat16": bfloat16}

    def train(arguments, folder, options):
        assert options[:2] == ("SEED", folder.name[-1])
        name, _, seed = folder.name.partition("_seed")
        return {"mAP": scores[name][int(seed)], "Rank-1": 90.0, "mINP": 50.0, "minutes": 1.0}

    monkeypatch.setattr(precision, "train", train)
    file = tmp_path / "numbers.json"
    assert precision.main(["--seeds", "2", "--output", str(tmp_path), "--json", str(file)]) == code
    assert json.loads(file.read_text())["mean_mAP"]["bfloat16"] == sum(bfloat16) / 2
    assert "points (allowed: 1)" in capsys.readouterr().out
