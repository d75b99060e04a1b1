"""What the hardness and the size of SynthPersonsXL rest on, on a few small images."""

import json
from dataclasses import replace

import numpy as np
import pytest
from benchmarks import synth_persons_xl
from benchmarks.pages import BEGIN, END
from support.configs import ROOT

SMALL = {"train_identities": 2, "test_identities": 3, "distractors": 2, "junk": 0}
SMALL |= {"cameras": 2, "query_cameras": 2, "height": 32, "width": 16, "supersampling": 1}


def test_histogram_is_of_the_middle_and_blind_to_a_cast():
    image = np.random.default_rng(0).integers(60, 120, (24, 16, 3)).astype(np.uint8)
    found = synth_persons_xl.histogram(image)
    assert found.shape == (6 * 128,)
    assert np.linalg.norm(found) == pytest.approx(1)
    framed = image.copy()
    framed[:, :4] = framed[:, -4:] = 255
    np.testing.assert_array_equal(synth_persons_xl.histogram(framed), found)
    cast = synth_persons_xl.histogram((2 * image[..., ::-1])[..., ::-1])
    np.testing.assert_array_equal(cast, found)


def test_from_small_sets_to_a_page(tmp_path, monkeypatch):
    for name in ("SynthPersons", "SynthPersonsXL", "SynthPersonsXLOther"):
        dataset = getattr(synth_persons_xl, name)
        monkeypatch.setattr(dataset, "spec", replace(dataset.spec, **SMALL))
    monkeypatch.setattr(synth_persons_xl, "PEOPLE", 2)
    larger = synth_persons_xl.SynthPersonsXL.spec
    ladder = synth_persons_xl.LADDER[:2]
    monkeypatch.setattr(synth_persons_xl, "SYNTH_PERSONS", synth_persons_xl.SynthPersons.spec)
    monkeypatch.setattr(synth_persons_xl, "SYNTH_PERSONS_XL", larger)
    monkeypatch.setattr(synth_persons_xl, "LADDER", ladder)
    monkeypatch.setattr(synth_persons_xl, "at_level", lambda level: replace(larger, **ladder[level]))
    page = tmp_path / "synth_persons_xl.md"
    page.write_text(f"# Set\n{BEGIN}\n{END}\n")
    sets = tmp_path / "sets"
    assert synth_persons_xl.main(["--root", str(sets), "--docs", str(tmp_path)]) == 0
    results = json.loads((tmp_path / "synth_persons_xl_benchmark.json").read_text())
    assert [row["people"] for row in results["power"]] == [3] * 9
    assert len(results["ladder"]) == 2
    assert all(0 < score <= 100 for score in (results["easier"], *results["ladder"]))
    assert 0 < results["hidden"]["covered"] < results["hidden"]["images"]
    for row in results["power"]:
        low, high = row["interval"]
        assert low <= row["difference"] <= high
        assert row["difference"] == pytest.approx(row["mAP"][1] - row["mAP"][0])
    assert "| SynthPersonsXLOther |" in page.read_text()


def test_the_page_says_what_was_measured():
    figures = json.loads((ROOT / "docs/synth_persons_xl_benchmark.json").read_text())
    page = (ROOT / "docs/synth_persons_xl.md").read_text()
    assert synth_persons_xl.PAGE.markdown(figures) in page
