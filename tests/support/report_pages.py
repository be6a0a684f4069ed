"""Pages of reports: made by commands, and read again."""

from __future__ import annotations

from decimal import Decimal
from html.parser import HTMLParser
from pathlib import Path

from tests.support.running import NOW, run

__all__ = ["PageReader", "export_page", "replay_page"]


class PageReader(HTMLParser):
    """Reads tables by their ids, with the exact figures, and notes every tag."""

    def __init__(self, text: str) -> None:
        """Read a page."""
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.tables: dict[str, list[list[str]]] = {}
        self.texts: list[str] = []
        self._rows: list[list[str]] | None = None
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note a tag."""
        found = dict(attrs)
        self.tags.append((tag, found))
        if tag == "table":
            self._rows = self.tables[found["id"] or ""] = []
        elif tag == "tr" and self._rows is not None:
            self._rows.append([])
        elif tag in {"th", "td"} and self._rows is not None:
            self._rows[-1].append("")
        elif tag == "data" and self._rows and self._rows[-1]:
            self._rows[-1][-1] = f"={found['value']}"

    def handle_endtag(self, tag: str) -> None:
        """End a table."""
        if tag == "table":
            self._rows = None

    def handle_data(self, data: str) -> None:
        """Take a text."""
        self.texts.append(data)
        if self._rows and self._rows[-1] and not self._rows[-1][-1].startswith("="):
            self._rows[-1][-1] += data.strip()

    def figures(self, table: str) -> dict[str, dict[str, Decimal]]:
        """Return a table's figures by row, whose name ends in its id if it has one, and column."""
        head, *rows = self.tables[table]
        return {
            row[0]: {
                name: Decimal(cell[1:])
                for name, cell in zip(head, row, strict=True)
                if cell.startswith("=")
            }
            for row in rows
        }


def write_page(command: list[str], out: Path, code: int = 0) -> str:
    """Run a command that writes a page; return the page."""
    option = "--html" if command[0] == "replay" else "--out"
    ended, _, errors = run([*command, option, str(out)])
    assert ended == code, errors
    return out.read_text("utf-8")


def replay_page(pages: Path, place: Path, *options: str, now: str = NOW, code: int = 0) -> str:
    """Replay pages into a report and a page."""
    report = str(place / "report.json")
    command = ["replay", str(pages), "--report", report, "--now", now, *options]
    return write_page(command, place / "page.html", code)


def export_page(source: Path, place: Path, *options: str, now: str = NOW, code: int = 0) -> str:
    """Write a page of a source, without a report."""
    return write_page(
        ["export", "html", str(source), "--now", now, *options], place / "e.html", code
    )
