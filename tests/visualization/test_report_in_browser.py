"""Pages in Chromium, opened from disk: no error, filters and keys, hostile names, accessibility, a phone."""

import json
import shutil
from importlib.util import find_spec
from pathlib import Path

import pytest
from mdpr.cli.check_dataset import main as check_dataset
from mdpr.visualization.rank_lists import write_rank_lists
from mdpr.visualization.report import page
from support.miniatures import make_market
from support.report_runs import NAME, draw_images, ranked, write_run

PROGRAMS = {name: shutil.which(name) for name in ("chromium", "chromedriver")}
PACKAGES = {name: find_spec(name) for name in ("selenium", "axe_playwright_python")}
MISSING = [name for name, found in {**PROGRAMS, **PACKAGES}.items() if not found]
pytestmark = pytest.mark.skipif(
    bool(MISSING), reason=f"no {', '.join(MISSING)}: scripts/test.sh installs them"
)
PAGES = ("report", "rank_lists", "check")


@pytest.fixture(scope="module")
def pages(make_folder):
    """A report of two runs, a page of rank lists and one of a data check, by name."""
    folder = make_folder("pages")
    paths = draw_images(folder / "images", 160)
    shape = {"num_query": 60, "num_gallery": 100}
    first = write_run(folder / "first", {"Set": ranked(paths, **shape)})
    second = write_run(folder / "second", {"Set": ranked(paths, dimension=4, **shape)}, "SEED", 1)
    make_market(folder / "datasets")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FASTREID_DATASETS", str(folder / "datasets"))
        patch.setattr(page, "_CHOSEN", 1)
        page.write_report([first, second], folder / "report.html")
        check_dataset(["Market1501", "--workers", "0", "--report", str(folder / "check.html")])
    write_rank_lists([first / "Set_rankings.npz"], folder / "rank_lists.html", count=1)
    return {name: (folder / f"{name}.html").as_uri() for name in PAGES}


@pytest.fixture(scope="module")
def browser(make_folder):
    from selenium import webdriver  # noqa: PLC0415 - where it is installed

    options = webdriver.ChromeOptions()
    options.binary_location = PROGRAMS["chromium"]
    for argument in (
        "headless=new",
        "no-sandbox",
        "disable-gpu",
        "disable-dev-shm-usage",
        "window-size=1280,900",
    ):
        options.add_argument(f"--{argument}")
    options.add_argument(f"--user-data-dir={make_folder('profile')}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options, webdriver.ChromeService(PROGRAMS["chromedriver"]))
    driver.set_script_timeout(110)
    yield driver
    driver.quit()


@pytest.fixture
def report(browser, pages):
    browser.get(pages["report"])
    return Report(browser)


class Report:
    def __init__(self, browser):
        self.browser = browser

    def run(self, script, *arguments):
        return self.browser.execute_script(f"return {script}", *arguments)

    def choose(self, **values):
        for name, value in values.items():
            self.run(
                "(([one, value]) => { one.value = value;"
                "for (const kind of ['input', 'change']) one.dispatchEvent(new Event(kind)) })"
                "([document.getElementById(arguments[0]), arguments[1]])",
                name,
                value,
            )
        return self.run("[...document.querySelectorAll('#list h3')].map((one) => +one.textContent.slice(6))")

    def press(self, keys):
        from selenium.webdriver import ActionChains  # noqa: PLC0415 - where it is installed

        ActionChains(self.browser).send_keys(keys).perform()

    @property
    def focused(self):
        return self.run("document.activeElement.id || document.activeElement.getAttribute('aria-label')")

    @property
    def count(self):
        return self.run("document.getElementById('count').textContent")


@pytest.mark.parametrize("name", PAGES)
def test_opens_without_an_error_and_pictures_are_whole(browser, pages, name):
    browser.get_log("browser")
    browser.get(pages[name])
    states = browser.execute_async_script(
        "const done = arguments[0], images = [...document.images];"
        "images.forEach((one) => { one.loading = 'eager' });"
        "Promise.all(images.map((one) => one.decode())).then(() =>"
        " done(images.map((one) => one.naturalWidth)), (error) => done(String(error)))"
    )
    assert isinstance(states, list), states
    assert len(states) > 3
    assert all(states)
    assert [entry["message"] for entry in browser.get_log("browser")] == []


@pytest.mark.parametrize("name", PAGES)
def test_a_script_in_a_name_stays_text(browser, pages, name):
    browser.get(pages[name])
    assert browser.execute_script("return window.broken") is None
    assert browser.execute_script("return document.querySelectorAll('[onerror]').length") == 0
    blocked = browser.execute_script(
        "const one = document.createElement('script'); one.textContent = 'window.broken = 2';"
        "document.body.append(one); return window.broken"
    )
    assert blocked is None


def test_names_are_shown_as_they_are(report):
    titles = report.run("[...document.querySelectorAll('#list article > figure')].map((one) => one.title)")
    assert titles[:2] == [NAME.format(0), NAME.format(1)]


def test_filters_find_what_they_say(report, pages):
    rankings = ranked(None, num_query=60, num_gallery=100)
    assert report.count == "60 of 60 queries"
    assert report.choose() == list(range(20))
    report.run("document.getElementById('more').click()")
    assert report.choose()[:20] == list(range(20))
    persons = [index for index in range(60) if index == 5 or rankings.query_person[index] == 5]
    assert report.choose(text="5") == persons[:20]
    assert report.count == f"{len(persons)} of 60 queries"
    assert report.choose(text=" 31.JPG") == [31]
    right = [index for index in range(60) if rankings.first_match_rank[index] == 0]
    assert report.choose(text="", outcome="right") == right[:20]
    camera = [index for index in right if rankings.query_camera[index] == 1]
    assert report.choose(camera="1") == camera[:20]
    assert report.choose(text="no such file") == []
    assert report.count == "0 of 60 queries"
    wrong = report.choose(text="", camera="", outcome="wrong", order="lowest")
    assert wrong[0] == int(rankings.average_precision.argmin())
    other = ranked(None, num_query=60, num_gallery=100, dimension=4)
    gain = other.average_precision - rankings.average_precision
    assert report.choose(outcome="better", order="gains")[0] == int(gain.argmax())


def test_keys_lead_through_the_page(report):
    report.press("/")
    assert report.focused == "text"
    report.press("4?j")  # while typing they are text
    assert report.run("document.getElementById('text').value") == "4?j"
    report.press("\ue00c")  # Escape
    assert report.count == "60 of 60 queries"
    report.run("document.activeElement.blur()")
    for expected in ("Query 0", "Query 1"):
        report.press("j")
        assert report.focused == expected
    report.press("k")
    assert report.focused == "Query 0"
    report.press("j" * 20)  # beyond the first batch
    assert report.focused == "Query 20"
    outline = "getComputedStyle(document.activeElement).outlineWidth"
    assert report.run(outline) == "3px"
    report.press("?")
    assert report.run("document.getElementById('keys').open")
    report.run("document.getElementById('single').click()")
    report.press("\ue00c")
    assert not report.run("document.getElementById('keys').open")
    report.press("/")  # switched off
    assert report.focused != "text"


def test_focus_goes_in_the_order_of_the_page(report):
    order = []
    for _ in range(40):
        report.press("\ue004")  # Tab
        order.append(report.run("[...document.querySelectorAll('*')].indexOf(document.activeElement)"))
        if report.focused == "more":
            break
    assert order == sorted(order)
    assert report.focused == "more"


def test_says_what_it_knows_without_a_script(browser, pages):
    browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    try:
        browser.get(pages["report"])
        tree = json.dumps(browser.execute_cdp_cmd("Accessibility.getFullAXTree", {}))
    finally:
        browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})
    for text in ("61.25", "Largest gains", "switched off", "Share of the queries with a match"):
        assert text in tree


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", PAGES)
def test_axe_finds_nothing_serious(browser, pages, name, scheme):
    feature = {"name": "prefers-color-scheme", "value": scheme}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [feature]})
    browser.get(pages[name])
    if name == "report":  # a query as good as twenty
        Report(browser).choose(text="31.jpg")
    axe = next(Path(PACKAGES["axe_playwright_python"].origin).parent.rglob("axe.min.js"))
    browser.execute_script(axe.read_text(encoding="utf-8"))
    results = browser.execute_async_script(
        "axe.run({ resultTypes: ['violations'], preload: false })"
        ".then(arguments[0], (error) => arguments[0](String(error)))"
    )
    assert isinstance(results, dict), results
    serious = [
        (one["id"], one["nodes"][0]["html"][:200], one["nodes"][0]["failureSummary"])
        for one in results["violations"]
        if one["impact"] in ("serious", "critical")
    ]
    assert serious == []
    assert "color-contrast" in {one["id"] for one in results["passes"]}


@pytest.mark.parametrize("name", PAGES)
def test_a_phone_has_no_sideways_scroll(browser, pages, name):
    size = {"width": 360, "height": 740, "deviceScaleFactor": 1, "mobile": True}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    try:
        browser.get(pages[name])
        width, inner = browser.execute_script(
            "return [document.scrollingElement.scrollWidth, window.innerWidth]"
        )
    finally:
        browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    assert inner == 360
    assert width <= inner
