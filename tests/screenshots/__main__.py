"""Take pictures of the daemon's page, and of a report's: python -m tests.screenshots."""

from __future__ import annotations

import base64
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final, NamedTuple

from selenium.webdriver import Chrome

from tests.support.browsers import browser, prefer, size
from tests.support.daemons import daemon
from tests.support.finance import YEAR_END, put_year
from tests.support.organizations import NOON, put_organization
from tests.support.pages import bucket, page, put, used
from tests.support.running import run

HERE = Path(__file__).parent
DEAD = ("--dead-letters", "dead-letters")
MONEY = """
prices = "prices.toml"
[[budget]]
monthly = "17500 usd"
[[budget]]
project = "Customer support"
monthly = "6000 usd"
[[budget]]
project = "Voice assistant"
monthly = "2500 usd"
"""
PRICES = "default = false\n" + "".join(
    f'[[price]]\nmodel = "gpt-5"\ntier = "{tier}"\n'
    f'input = "{price}"\ncached_input = "0.02"\noutput = "0.9"\n'
    for tier, price in (("default", "0.2"), ("batch", "0.1"), ("flex", "0.1"))
)
"""None for the priority tier: what has no price is said."""
SOURCES = '[[watch]]\npath = "pages"\nname = "main"'
CUT = '{"object": "page", "data": [{"object": "bucket", "start_time": 1734'


class Picture(NamedTuple):
    """A picture: its file, how wide and high the page is, its scheme, and pixels for each."""

    name: str
    width: int
    height: int
    scheme: str
    scale: int = 1


PICTURES: Final = (
    Picture("glance.png", 1200, 1330, "light"),
    Picture("glance-dark.png", 1200, 1330, "dark"),
    Picture("glance-narrow.png", 390, 1500, "light"),
)


REPORT: Final = Picture("report.png", 1200, 1180, "light")


def take(driver: Chrome, address: str, picture: Picture, place: Path) -> None:
    """Photograph a page from its top."""
    size(driver, picture.width, picture.height, picture.scale)
    prefer(driver, picture.scheme)
    driver.get(address)
    shot = driver.execute_cdp_cmd("Page.captureScreenshot", {"format": "png"})
    (place / picture.name).write_bytes(base64.b64decode(shot["data"]))


def take_all(place: Path) -> None:
    """Photograph a daemon over an organization's pages, one of which was cut short."""
    with TemporaryDirectory() as scratch:
        pages = put_organization(Path(scratch) / "pages")
        put(pages, "usage_embeddings.json", page(bucket(used(8_000_000), day=47)))
        put(pages, "usage_moderations.json", CUT)
        put(Path(scratch), "prices.toml", PRICES)
        clock = {"SOURCE_DATE_EPOCH": NOON}
        options = Path(scratch), *DEAD
        with (
            daemon(*options, sources=SOURCES, more=MONEY, variables=clock) as running,
            browser() as driver,
        ):
            running.until(lambda: running.value("usage_stream_dead_letters_total") > 0)
            running.until(lambda: running.value("usage_stream_relationship_issues") > 0)
            running.until(lambda: running.value("usage_stream_budget_forecast") > 0)
            for picture in PICTURES:
                take(driver, f"http://127.0.0.1:{running.port}/", picture, place)
            take(driver, write_report(Path(scratch)).as_uri(), REPORT, place)


def write_report(scratch: Path) -> Path:
    """Write the page of a year, of which some pages are missing."""
    pages, out = put_year(scratch / "year"), scratch / "report.html"
    put(pages, "usage_images.json", page(bucket(used(1, num_images=40)), cursor="cursor-2"))
    options = ("--now", YEAR_END, "--prices", "default", "--allow-incomplete")
    run(["export", "html", str(pages), "--out", str(out), *options])
    return out


if __name__ == "__main__":
    take_all(Path(sys.argv[1]) if len(sys.argv) > 1 else HERE)
