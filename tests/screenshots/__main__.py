"""Take a picture of the daemon's page: python -m tests.screenshots."""

from __future__ import annotations

import base64
import shutil
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.support.browsers import browser, prefer, size
from tests.support.daemons import daemon
from tests.support.places import FIXTURES

HERE = Path(__file__).parent
CUT = "usage_moderations_fixture_page2.json"
DEAD = ("--dead-letters", "dead-letters")
WIDTH, HEIGHT = 1200, 900


def take(picture: Path) -> None:
    """Photograph the page of a daemon over the fixtures, one of which was cut short."""
    with TemporaryDirectory() as scratch:
        place = Path(scratch)
        pages = Path(shutil.copytree(FIXTURES, place / "pages"))
        whole = (pages / CUT).read_bytes()
        (pages / CUT).write_bytes(whole[: len(whole) // 2])
        sources = '[[watch]]\npath = "pages"\nname = "main"'
        with daemon(place, *DEAD, sources=sources) as running, browser() as driver:
            running.until(lambda: running.value("usage_stream_dead_letters_total") > 0)
            running.until(lambda: running.value("usage_stream_relationship_issues") > 0)
            size(driver, WIDTH, HEIGHT)
            prefer(driver, "light")
            driver.get(f"http://127.0.0.1:{running.port}/")
            shot = driver.execute_cdp_cmd("Page.captureScreenshot", {"format": "png"})
            picture.write_bytes(base64.b64decode(shot["data"]))


if __name__ == "__main__":
    take(HERE / "glance.png")
