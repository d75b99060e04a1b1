"""Make the README's three pictures anew, from the run that `scripts/demo.sh` leaves.

    python scripts/pictures.py            # from logs/Synthetic/demo into docs/

Pages are opened in Chromium through Selenium, as the tests do; scripts/test.sh brings both.
"""

import argparse
import shutil
import sys
from pathlib import Path

import mdpr  # noqa: F401 -- before fastreid, which it mends
from mdpr.cli.main import main as run_mdpr
from mdpr.evaluation import load_rankings
from PIL import Image
from selenium import webdriver

ROOT = Path(__file__).resolve().parents[1]
WIDTH = 1000  # of pages, pixels


def main() -> int:
    style = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=style)
    parser.add_argument("run", type=Path, nargs="?", default=ROOT / "logs/Synthetic/demo")
    parser.add_argument("--out", type=Path, default=ROOT / "docs")
    options = parser.parse_args()
    run, out = options.run, options.out
    if not (run / "report.html").is_file():
        sys.exit(f"error: {run} has no report.html: bash scripts/demo.sh makes it")
    query = str(load_rankings(run / "SynthPersons_rankings.npz").query_path[0])
    picture, pages = out / "readme_attention.png", run / "rank_lists.html"
    rankings = [run / f"SynthPersons{name}_rankings.npz" for name in ("", "+rerank")]
    for command in (
        ("attention", query, "--model", run / "model.safetensors", "--out", picture, "--force"),
        ("rank-lists", *rankings, "--out", pages, "--count", 2),
    ):
        if code := run_mdpr([*map(str, command)]):
            return code
    browser = opened()
    try:
        photograph(browser, pages, out / "readme_rank_lists.png", 950)
        photograph(browser, run / "report.html", out / "readme_report.png", 870)
    finally:
        browser.quit()
    return 0


def opened() -> webdriver.Chrome:
    """Chromium without a window."""
    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium") or ""
    for argument in ("headless=new", "no-sandbox", "disable-gpu", "disable-dev-shm-usage", "hide-scrollbars"):
        options.add_argument(f"--{argument}")
    # Named, as Selenium would look for them on the network.
    return webdriver.Chrome(options, webdriver.ChromeService(shutil.which("chromedriver")))


def photograph(browser: webdriver.Chrome, page: Path, out: Path, height: int) -> None:
    """Write the top of a page, ``height`` pixels of it, as a picture of 255 colours."""
    browser.set_window_size(WIDTH, height + 200)  # the frame of the window takes some
    browser.get(page.resolve().as_uri())
    browser.save_screenshot(str(out))
    with Image.open(out) as picture:
        top = picture.convert("RGB").crop((0, 0, picture.width, height))
    top.quantize(255, dither=Image.Dither.NONE).save(out, optimize=True)


if __name__ == "__main__":
    sys.exit(main())
