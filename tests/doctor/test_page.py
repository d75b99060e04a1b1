"""The page of the doctor names every check, and the outcome beside it is of these checks."""

import json
import re

from mdpr_doctor.registry import CHECKS
from support.configs import ROOT


def test_the_page_names_every_check():
    page = (ROOT / "docs/doctor.md").read_text(encoding="utf-8")
    rows = [line.split("|")[1] for line in page.splitlines() if line.startswith("| `")]
    assert re.findall(r"`([\w-]+)`", " ".join(rows)) == list(CHECKS)


def test_the_outcome_is_of_these_checks():
    outcome = json.loads((ROOT / "docs/doctor_cpu.json").read_text(encoding="utf-8"))
    assert [row["name"] for row in outcome["checks"]] == list(CHECKS)
    assert outcome["machine"]["gpus"] == []
