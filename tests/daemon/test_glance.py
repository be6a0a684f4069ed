"""The daemon's page in a real browser: what it shows, how it looks, and what it does not run."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement

from tests.support.browsers import browser, complaints, prefer, size
from tests.support.daemons import Daemon, daemon
from tests.support.organizations import LAST, NOON, PROJECTS, put_organization
from tests.support.pages import bucket, page, put, put_all, used

pytestmark = pytest.mark.needs_program("chromium", "chromedriver")

SCRIPT = '<script>document.title = "ran"</script>'
IMAGE = 'x<img src=x onerror=document.title="ran">'
NARROW = 390
LONG = "p" * 200
CLOCK = {"SOURCE_DATE_EPOCH": NOON}
BAD = "rgb(179, 38, 30)"


MONEY = f"""
series_limit = 20
prices = "prices.toml"
[[budget]]
monthly = "9000 usd"
[[budget]]
project = "Drafts"
monthly = "600 usd"
[[budget]]
project = "{SCRIPT.replace(chr(34), chr(39))}{LONG[:150]}"
monthly = "1 eur"
"""


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    """Run a daemon over an organization's pages; sound, broken, unfinished and hostile ones."""
    place = tmp_path_factory.mktemp("running")
    put_organization(place / "pages")
    rows = [used(8, project_id=SCRIPT), used(9, project_id=LONG), used(-1)]
    put_all(
        place / "pages",
        {
            "usage_moderations.json": page(bucket(*rows, day=LAST), cursor="cursor-2"),
            f"usage_embeddings_{IMAGE}.json": page(bucket(used(5), day=LAST)),
            "usage_images.json": "no JSON",
        },
    )
    put(place, "prices.toml", 'default = false\n[[price]]\nmodel = "gpt-5"\ninput = "0.2"\n')
    with daemon(place, variables=CLOCK, more=MONEY) as found:
        found.until(lambda: found.value("usage_stream_dead_letters_total") == 2, "dead letters")
        found.until(lambda: found.value("usage_stream_relationship_issues") > 0, "the report")
        found.until(lambda: found.value("usage_stream_budget_forecast") > 0, "budgets")
        yield found


@pytest.fixture(scope="module")
def chrome() -> Iterator[Chrome]:
    """Run a browser."""
    with browser() as driver:
        yield driver


@pytest.fixture
def shown(running: Daemon, chrome: Chrome) -> Iterator[Chrome]:
    """Open the page; afterwards nothing may have been written to the console."""
    size(chrome, 1200, 900)
    prefer(chrome, "light")
    chrome.get(f"http://127.0.0.1:{running.port}/")
    yield chrome
    assert complaints(chrome) == []


def cells(row: WebElement) -> list[str]:
    """Return the texts of a row, whether they can be seen or not."""
    found = row.find_elements(By.CSS_SELECTOR, "th, td")
    return [" ".join((cell.get_attribute("textContent") or "").split()) for cell in found]


def table(driver: Chrome, name: str) -> list[dict[str, str]]:
    """Return the rows of a table, by the heads of its columns."""
    found = driver.find_element(By.ID, name)
    heads = cells(found.find_elements(By.CSS_SELECTOR, "thead tr")[-1])
    rows = [cells(row) for row in found.find_elements(By.CSS_SELECTOR, "tbody tr")]
    return [dict(zip(heads, row, strict=True)) for row in rows]


def text(driver: Chrome, name: str) -> str:
    """Return the text of an element."""
    return driver.find_element(By.ID, name).text


def value_of(driver: Chrome, script: str) -> Any:
    """Return what an expression is worth on the page."""
    return driver.execute_script(f"return {script}")


def values(driver: Chrome, selector: str) -> list[str]:
    """Return the exact figures behind what is shown."""
    return [
        one.get_attribute("value") or ""
        for one in driver.find_elements(By.CSS_SELECTOR, f"{selector} data")
    ]


def test_it_shows_how_the_daemon_stands(shown: Chrome) -> None:
    """The head says whether the daemon is ready, and as of when all of it is."""
    assert text(shown, "state") == "ready"
    assert "2024-12-19 12:00:00" in shown.find_element(By.TAG_NAME, "header").text
    assert int(text(shown, "issues")) > 0
    assert shown.title == "usage-stream"


def test_what_is_wrong_is_first_and_red_and_says_why(shown: Chrome) -> None:
    """Each chain that lacks something is named on top of the page, with the reason."""
    rows = {row["where"]: row["why"] for row in table(shown, "troubles")}
    assert rows.keys() == {"usage/images (label primary)", "usage/moderations (label primary)"}
    assert "1 dead letter (json)" in rows["usage/images (label primary)"]
    first = shown.find_element(By.CSS_SELECTOR, "main section")
    assert first.find_elements(By.ID, "troubles")
    colours = {
        value_of(shown, f"getComputedStyle(document.querySelector('{selector}')).color")
        for selector in ("#troubles .wrong", "#chains .wrong", "#issues", "#errors .wrong")
    }
    assert colours == {BAD}


def test_cost_comes_first_and_is_exact_behind_what_is_shown(shown: Chrome, running: Daemon) -> None:
    """Month to date, yesterday, thirty days and last month; together they are the report's."""
    sections = shown.find_elements(By.CSS_SELECTOR, "main section h2")
    assert [one.text for one in sections][1:5] == [
        "Cost",
        "Budgets for December 2024",
        "The last 30 days",
        "Projects and service tiers",
    ]
    assert text(shown, "total-month").endswith(" USD")
    (month,) = values(shown, "#total-month")
    (before,) = values(shown, "#total-last_month")
    whole = running.report()["endpoints"]["costs"]["metrics"]["amount_value"]
    assert Decimal(month) + Decimal(before) == whole
    assert f"{Decimal(month):,.2f} USD" == text(shown, "total-month")
    assert "Costs are known until 2024-12-19 00:00:00 (12 h ago)" in text(shown, "known")


def test_projects_have_names_and_tiers(shown: Chrome) -> None:
    """The dearest is first, by its name; its tiers stand below it, with no cost of their own."""
    rows = [cells(row) for row in shown.find_elements(By.CSS_SELECTOR, "#projects tbody tr")]
    named = [row[0] for row in rows]
    assert named[:5] == [
        f"Search {PROJECTS[0].id}",
        "default",
        "flex",
        "priority",
        f"Customer support {PROJECTS[1].id}",
    ]
    assert f"Nightly reports {PROJECTS[3].id} batch" in named
    assert [row[1:4] for row in rows[1:4]] == [["", "", ""]] * 3
    assert named[-1] == "All projects"
    month = [Decimal(one) for one in values(shown, "#projects .project td:nth-child(2)")]
    assert month == sorted(month, reverse=True)
    assert sum(month) == Decimal(values(shown, "#total-month")[0])
    hostile = {row[0]: row[4:6] for row in rows if row[0].startswith((SCRIPT, LONG))}
    assert [*hostile.values()] == [["9", "9"], ["8", "8"]]


def test_what_is_folded_in_the_metrics_is_whole_here(shown: Chrome, running: Daemon) -> None:
    """Many series are added up in the metrics, and said to be; the page has every project."""
    tokens = "openai_api_tokens"
    folded = int(running.value("usage_stream_series_folded", metric=tokens))
    assert folded > 10
    said = text(shown, "folded")
    assert f"{folded} of {tokens}" in said
    assert said.endswith("here nothing is folded.")
    assert "__other__" not in text(shown, "projects")


def test_the_chart_is_drawn_and_said(shown: Chrome) -> None:
    """Thirty bars with words for those who do not see them, and a table with the same figures."""
    (chart,) = shown.find_elements(By.CSS_SELECTOR, ".chart svg[role=img]")
    assert len(chart.find_elements(By.TAG_NAME, "g")) == 30
    ids = (chart.get_attribute("aria-labelledby") or "").split()
    said = [value_of(shown, f"document.getElementById('{one}').textContent") for one in ids]
    assert said[0] == "Cost in USD, by day and project"
    assert said[1].startswith("2024-11-20 to 2024-12-19: ")
    days = table(shown, "daily")
    assert (len(days), days[0]["day"], days[-1]["day"]) == (30, "2024-12-19", "2024-11-20")
    recent = [Decimal(one) for one in values(shown, "#daily .money")]
    assert sum(recent) == Decimal(values(shown, "#total-recent")[0])
    drawn = value_of(
        shown,
        "[...document.querySelectorAll('svg[role=img] g')].map(day => "
        "[...day.querySelectorAll('rect:not(.slot)')].reduce((sum, one) => "
        "sum + one.getBoundingClientRect().height, 0))",
    )
    scale = max(drawn) / float(max(recent))
    for height, amount in zip(drawn[:-1], reversed(recent), strict=True):
        assert height == pytest.approx(float(amount) * scale, abs=0.5)
    assert drawn[-1] == 0


def test_it_shows_each_chain(shown: Chrome) -> None:
    """A chain has its cursor, watermark and lag, and says what it waits for; bad ones first."""
    rows = table(shown, "chains")
    chains = {row["endpoint"]: row for row in rows}
    assert chains["usage/moderations"] == {
        "source": "–",
        "endpoint": "usage/moderations",
        "label": "primary",
        "pages": "1",
        "cursor": "cursor-2",
        "watermark": "2024-12-19 00:00:00",
        "lag": "12 h",
        "standing": "waits for its next page, 1 dead letter",
    }
    embeddings = chains["usage/embeddings"]
    assert (embeddings["label"], embeddings["cursor"]) == (IMAGE, "–")
    assert embeddings["standing"] == "whole"
    assert chains["projects"]["watermark"] == "–"
    assert ["dead letter" in row["standing"] for row in rows] == [True] * 2 + [False] * 4


def test_it_shows_each_source(shown: Chrome, running: Daemon) -> None:
    """Where pages come from, how many have come, and that it works; what does not says why."""
    (source,) = table(shown, "places")
    assert source.pop("place").endswith("/pages")
    pages = sum(int(row["pages"]) for row in table(shown, "chains"))
    assert source == {"source": "–", "kind": "directory", "pages": f"{pages}", "standing": "works"}
    hidden = running.place / "hidden"
    (running.place / "pages").rename(hidden)
    running.until(lambda: not running.ready(), "unreadiness")
    shown.refresh()
    assert "pages" in table(shown, "places")[0]["standing"]
    assert (
        value_of(shown, "getComputedStyle(document.querySelector('#places .wrong')).color") == BAD
    )
    assert table(shown, "troubles")[0]["why"] == table(shown, "places")[0]["standing"]
    assert text(shown, "state") == table(shown, "places")[0]["standing"]
    hidden.rename(running.place / "pages")
    running.until(running.ready, "readiness")


def test_it_shows_outcomes_and_the_last_errors(shown: Chrome) -> None:
    """Each row's outcome is counted by endpoint; what was set aside is named by its file."""
    rows = {row["endpoint"]: row for row in table(shown, "outcomes")}
    assert rows["usage/moderations"] == {
        "endpoint": "usage/moderations",
        "new": "2",
        "duplicate": "–",
        "revised": "–",
        "superseded": "–",
        "dead lettered": "1",
    }
    said = text(shown, "errors")
    assert "2024-12-19 12:00:00 usage_moderations.json: 1 set aside, see " in said
    assert "2024-12-19 12:00:00 usage_images.json: 1 set aside, see " in said


def test_it_runs_nothing_that_came_from_outside(shown: Chrome) -> None:
    """Names that look like HTML are shown as they are, and no script or image comes of them."""
    assert SCRIPT in text(shown, "projects")
    assert IMAGE in text(shown, "chains")
    assert shown.find_elements(By.CSS_SELECTOR, "script, img, [style]") == []
    assert shown.title == "usage-stream"


def test_the_policy_stops_what_escaping_would_miss(shown: Chrome) -> None:
    """Even a script that got onto the page would not run, and the browser says why."""
    value_of(
        shown,
        "document.body.append(Object.assign(document.createElement('script'), "
        "{textContent: 'document.title = \"ran\"'}))",
    )
    assert shown.title == "usage-stream"
    assert any("Content Security Policy" in one for one in complaints(shown))


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [320, NARROW, 641, 800, 1153, 1200, 2000])
def test_nothing_is_lost_sideways(width: int, scheme: str, shown: Chrome) -> None:
    """The page is never wider than its window, and no text reaches beyond it or its section."""
    size(shown, width, 900)
    prefer(shown, scheme)
    value_of(shown, "document.querySelector('details').open = true")
    assert value_of(shown, "innerWidth") == width
    assert value_of(shown, "document.scrollingElement.scrollWidth") <= width
    beyond = value_of(
        shown,
        "[...document.querySelectorAll('main td, main th, main dd, main li, header *')]"
        ".filter(one => !one.closest('thead') || getComputedStyle(one.closest('thead'))"
        ".position !== 'absolute').filter(one => one.scrollWidth > one.clientWidth + 1 && "
        "one.clientWidth > 0 || one.getBoundingClientRect().right > innerWidth)"
        ".map(one => one.outerHTML.slice(0, 90))",
    )
    assert beyond == []
    wide = value_of(
        shown,
        "[...document.querySelectorAll('section')]"
        ".filter(one => one.scrollWidth > one.clientWidth).map(one => one.innerText.slice(0, 40))",
    )
    assert wide == []


def test_a_narrow_page_says_what_each_figure_is(shown: Chrome) -> None:
    """Where there is no room for a head, each cell has its own; tables stay tables to a reader."""
    size(shown, NARROW, 900)
    label = value_of(
        shown,
        "getComputedStyle(document.querySelector('#projects td:nth-child(2)'), '::before').content",
    )
    assert label == '"Cost, month"'
    assert value_of(
        shown,
        "[...document.querySelectorAll('table')].every(one => one.getAttribute('role') === 'table' "
        "&& [...one.rows].every(row => row.getAttribute('role') === 'row' && "
        "[...row.cells].every(cell => cell.getAttribute('role'))))",
    )


def test_it_has_landmarks_and_captions(shown: Chrome) -> None:
    """One header, main and footer; each section has a heading, each table a caption."""
    for name in ("header", "nav", "main", "footer", "h1"):
        assert len(shown.find_elements(By.TAG_NAME, name)) == 1, name
    assert value_of(
        shown,
        "[...document.querySelectorAll('section')].every(one => one.querySelector('h2').id === "
        "one.getAttribute('aria-labelledby'))",
    )
    assert value_of(
        shown, "[...document.querySelectorAll('table')].every(one => one.caption.textContent)"
    )
    links = value_of(shown, "[...document.querySelectorAll('nav a')].map(one => one.hash)")
    assert all(shown.find_elements(By.CSS_SELECTOR, link) for link in links)
    ids = value_of(shown, "[...document.querySelectorAll('[id]')].map(one => one.id)")
    assert len(ids) == len(set(ids))
    assert value_of(shown, "document.documentElement.lang") == "en"


def brightness(colour: str) -> float:
    """Return how bright a colour is to the eye, from 0 to 1, as WCAG has it."""
    numbers = [float(part) / 255 for part in colour[colour.index("(") + 1 : -1].split(",")[:3]]
    linear = [one / 12.92 if one <= 0.04045 else ((one + 0.055) / 1.055) ** 2.4 for one in numbers]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    """Return the contrast of two colours, from 1 to 21, as WCAG has it."""
    low, high = sorted((brightness(one), brightness(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize(("scheme", "dark"), [("light", False), ("dark", True)])
def test_it_follows_the_scheme(scheme: str, shown: Chrome, *, dark: bool) -> None:
    """The page is light or dark as the reader wants it, and can be read and told apart."""
    prefer(shown, scheme)

    def colour(selector: str, name: str = "color") -> str:
        script = f"getComputedStyle(document.querySelector('{selector}')).{name}"
        return str(value_of(shown, script))

    paper = colour("#cost", "color"), colour("main section:nth-of-type(2)", "backgroundColor")
    assert (brightness(paper[0]) > brightness(paper[1])) is dark
    for selector in ("#projects th b", "thead th", ".soft", "nav a", "#chains .wrong"):
        assert contrast(colour(selector), paper[1]) >= 4.5, selector
    assert contrast(colour("#state"), colour("#state", "backgroundColor")) >= 4.5
    alarm = colour(".alarm", "backgroundColor")
    assert contrast(colour("#troubles .wrong"), alarm) >= 4.5
    for rank in range(6):
        assert contrast(colour(f".rank-{rank}", "fill"), paper[1]) >= 3, rank


def test_it_stays_where_it_is_until_it_is_asked_again(shown: Chrome, running: Daemon) -> None:
    """Nothing reloads by itself, so no place is lost; a link shows what was counted meanwhile."""
    assert not shown.find_elements(By.CSS_SELECTOR, "meta[http-equiv=refresh]")
    late = used(4_321, project_id="late", service_tier="flex")
    put(running.place / "pages", "usage_completions_late.json", page(bucket(late, day=LAST + 1)))
    records = running.value("usage_stream_state_records")
    running.until(lambda: running.value("usage_stream_state_records") > records - 1, "it")
    running.until(lambda: "4,321" in running.ask("/").text, "the late row")
    assert "4,321" not in shown.page_source
    shown.find_element(By.ID, "again").click()
    assert "4,321" in text(shown, "projects")
    assert value_of(shown, "location.pathname") == "/"


def test_budgets_are_bars_and_words(shown: Chrome, running: Daemon) -> None:
    """Each budget says what is billed, estimated and foreseen, to scale, and what is unclear."""
    everyone, drafts, unknown = shown.find_elements(By.CSS_SELECTOR, "#budgets > li")
    assert everyone.text.startswith("All projects 10")  # in percent
    assert "9,157.19 billed and " in everyone.text
    assert "some of what is not billed yet has no price, so more may be spent: " in everyone.text
    assert "by the end of the month" in drafts.text
    assert unknown.find_element(By.TAG_NAME, "b").text.startswith("<script>")
    assert "no project has this id or name" in unknown.text
    assert "Nothing is known of this month yet. No forecast yet." in unknown.text
    limit, spent = 600, running.value("usage_stream_budget_billed", budget="Drafts")
    picture = drafts.find_element(By.TAG_NAME, "svg")
    label = picture.get_attribute("aria-label") or ""
    assert label.startswith("Drafts: ")
    assert "billed" in label
    billed = picture.find_element(By.CLASS_NAME, "rank-0")
    assert abs(float(billed.get_attribute("width") or 0) - 100 * spent / limit) < 0.01
    assert billed.get_attribute("height") == "1"
