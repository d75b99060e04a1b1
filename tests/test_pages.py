"""The pages for those who work on the project name only files that there are."""

import re

import pytest
from support.configs import ROOT

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
