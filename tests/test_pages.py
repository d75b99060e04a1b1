"""The pages for those who work on the project name only files that there are."""

import re

import pytest
from support.configs import ROOT, config

DOCS = ROOT / "docs"
PAGES = sorted([*DOCS.glob("*.md"), *ROOT.glob("*.md")])


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page):
    links = re.findall(r"\]\((?!https?:)([^)#]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8"))
    assert [link for link in links if not (page.parent / link).exists()] == []


def test_development_page_names_files_that_exist():
    text = (DOCS / "development.md").read_text(encoding="utf-8")
    named = re.findall(r"`((?:[\w.-]+/)*[\w-]+(?:\.py|\.sh|/))`", text)
    bases = (ROOT / "projects/MDPR/mdpr", ROOT)
    assert len(named) > 40
    assert [name for name in named if not any((base / name).exists() for base in bases)] == []


def test_index_lists_every_page():
    index = (DOCS / "README.md").read_text(encoding="utf-8")
    pages = [page.name for page in DOCS.glob("*.md") if page.name != "README.md"]
    assert [name for name in pages if f"]({name})" not in index] == []


def test_recipes_page_has_the_share_of_the_warm_up():
    solver, text = config().SOLVER, (DOCS / "recipes.md").read_text(encoding="utf-8").replace("*", "")
    for images in (16_522, 12_936, 30_248):
        for batch, digits in ((solver.IMS_PER_BATCH, 1), (4 * solver.IMS_PER_BATCH, 0)):
            steps = images // batch
            assert f" {steps} / {solver.WARMUP_ITERS / steps:.{digits}f} epochs |" in text
    assert f"| {solver.WARMUP_ITERS:,} steps | {solver.WARMUP_ITERS:,} steps |" in text
    assert f"| epochs | {solver.MAX_EPOCH} | {solver.MAX_EPOCH} |" in text
