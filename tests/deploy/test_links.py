"""The pages of deploy/: what they link is there, and each of them is linked."""

from __future__ import annotations

import re
from pathlib import Path

from tests.support.places import DEPLOY


def links_of(path: Path) -> list[tuple[Path, str]]:
    """List the files and sections that a page's links lead to; other machines are left out."""
    links = re.findall(r"\]\(([^)\s]+)\)", path.read_text("utf-8"))
    found = [link.partition("#") for link in links if "://" not in link]
    return [(path.parent / name if name else path, section) for name, _, section in found]


def test_links_lead_somewhere() -> None:
    """Each file that a page of deploy/ links is there, with the section; each page is linked."""
    pages = sorted(DEPLOY.rglob("*.md"))
    led = {DEPLOY / "README.md"}
    for page in pages:
        for target, section in links_of(page):
            assert target.exists(), (page, target)
            led.add(target.resolve())
            if section:
                headings = re.findall(r"(?m)^#+ (.+)$", target.read_text("utf-8").lower())
                anchors = {re.sub(r"[^\w -]", "", one).replace(" ", "-") for one in headings}
                assert section in anchors, (page, target, section)
    assert set(pages) - led == set()
