"""The page of a report: the same pages give the same bytes, and nothing from outside harms it."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.finance import HOSTILE, MARKUP, YEAR_END, put_hostile, put_year
from tests.support.pages import bucket, page, put_all, used
from tests.support.places import FIXTURES
from tests.support.pruning import prune
from tests.support.report_pages import PageReader, export_page, replay_page
from tests.support.running import NOW, run
from tests.support.strategies import chains, shuffled, write_chains


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_the_same_pages_give_the_same_bytes(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    """Pages in any order of rows and walks, with little memory, from state or without a report."""
    place = tmp_path_factory.mktemp("same")
    made = data.draw(chains())
    for name in ("pages", "other"):
        (place / name).mkdir()
    write_chains(place / "pages", made)
    options = ("--prices", "default")
    code = run(["replay", str(place / "pages"), "--report", str(place / "r.json"), "--now", NOW])[0]
    first = replay_page(place / "pages", place, *options, code=code)
    state = ("--state", str(place / "state.db"), "--memory", "4kB")
    assert replay_page(place / "pages", place, *options, *state, code=code) == first
    assert export_page(place / "pages", place, *options, code=code) == first
    assert export_page(place / "state.db", place, *options, code=code) == first
    write_chains(place / "other", data.draw(shuffled(made)))
    other = replay_page(place / "other", place, *options, code=code)
    assert without_origins(other) == without_origins(first)


def without_origins(text: str) -> str:
    """Return a page but for digests of files, which differ where bytes do."""
    return text.partition('<section aria-labelledby="origins">')[0]


def test_workers_change_nothing(tmp_path: Path) -> None:
    """Any number of processes writes the page that one writes; the report stays what it was."""
    one = replay_page(FIXTURES, tmp_path, "--prices", "default")
    report = (tmp_path / "report.json").read_bytes()
    for count in ("2", "3"):
        assert replay_page(FIXTURES, tmp_path, "--prices", "default", "--workers", count) == one
    plain = tmp_path / "plain.json"
    run(["replay", str(FIXTURES), "--report", str(plain), "--now", NOW, "--prices", "default"])
    assert report == (tmp_path / "report.json").read_bytes() == plain.read_bytes()


def test_state_that_is_in_use_is_shown_as_it_was_stored(tmp_path: Path) -> None:
    """A state file whose days are folded is read, and not written to."""
    state = tmp_path / "state.db"
    first = replay_page(put_year(tmp_path / "pages"), tmp_path, "--state", str(state), now=YEAR_END)
    prune(state)
    before = state.read_bytes()
    folded = PageReader(export_page(state, tmp_path, now=YEAR_END))
    assert state.read_bytes() == before
    assert folded.figures("projects") == PageReader(first).figures("projects")
    assert folded.figures("months") == PageReader(first).figures("months")


def test_a_walk_under_way_in_a_state_file_is_named(tmp_path: Path) -> None:
    """Pages of which more follow are named, and the page is that of their replay."""
    files = {"usage_images.json": page(bucket(used(1, num_images=2)), cursor="cursor-2")}
    pages, state = put_all(tmp_path / "pages", {**files}), tmp_path / "state.db"
    options = ("--allow-incomplete", "--state", str(state))
    first = replay_page(pages, tmp_path, *options, code=1)
    assert 'id="want-incomplete"' in first
    assert export_page(state, tmp_path, code=1) == first


def test_a_page_goes_with_a_report_that_is_piped(tmp_path: Path) -> None:
    """A report that goes to standard output is sent whole, and the page is as without."""
    out = tmp_path / "piped.html"
    first = replay_page(FIXTURES, tmp_path)
    command = ["replay", str(FIXTURES), "--report", "-", "--now", NOW, "--html", str(out)]
    assert run(command) == (0, (tmp_path / "report.json").read_text("utf-8"), "")
    assert out.read_text("utf-8") == first


def test_nothing_from_outside_is_markup(tmp_path: Path) -> None:
    """Names that are markup, an email, ten thousand letters long or turned around are harmless."""
    text = replay_page(put_hostile(tmp_path / "pages"), tmp_path, "--allow-incomplete", code=1)
    shown = PageReader(text)
    assert {"script", "img", "link", "iframe", "object", "base"}.isdisjoint(
        tag for tag, _ in shown.tags
    )
    attributes = {name for _, found in shown.tags for name in found}
    assert not [one for one in attributes if one.startswith("on")]
    assert {"src", "style", "action", "srcdoc"}.isdisjoint(attributes)
    assert all(found["href"].startswith("#") for tag, found in shown.tags if tag == "a")  # type: ignore[union-attr]  # each has one
    (policy,) = [found["content"] for _, found in shown.tags if "http-equiv" in found]
    assert re.fullmatch(
        r"default-src 'none'; style-src 'sha256-[\w+/=]+'; base-uri 'none'; form-action 'none'",
        policy or "",
    )
    assert "\u202e" not in text
    assert HOSTILE[4] not in text
    assert "p" * 700 not in text
    assert len(text) < 200_000
    assert any(MARKUP in one for one in shown.texts)
    assert "url(" not in text
    assert "http:" not in text.replace("http-equiv", "")


def test_what_wants_a_look_is_first_and_says_what_to_do(tmp_path: Path) -> None:
    """Missing pages, files that were not read, strange ids and use without a price are named."""
    pages = put_hostile(tmp_path / "pages")
    text = replay_page(pages, tmp_path, "--allow-incomplete", "--prices", "default", code=1)
    wants = re.findall(r'id="want-([\w-]+)"', text)
    assert wants == ["incomplete", "left-out", "relations", "unpriced"]
    assert text.index('id="want-incomplete"') < text.index("Month by month")
    report = json.loads((tmp_path / "report.json").read_text("utf-8"))
    shown = " ".join(PageReader(text).texts)
    assert report["relationshipIssues"][0] in shown
    assert "Nothing wants a look" in replay_page(FIXTURES, tmp_path)


def test_dead_letters_short_sums_and_two_figures_are_explained(tmp_path: Path) -> None:
    """What was set aside, what is less than its parts and what contradicts itself is counted."""
    twice = [used(5, project_id="p"), used(6, project_id="p")]
    pages = put_all(
        tmp_path / "pages",
        {"usage_completions.json": page(bucket(used(-1), *twice)), "usage_images.json": "no JSON"},
    )
    dead = ("--on-error", "dead-letter", "--dead-letters", str(tmp_path / "dead"))
    text = replay_page(pages, tmp_path, *dead, code=1)
    assert {"letters", "collisions"} <= set(re.findall(r'id="want-([\w-]+)"', text))


def test_very_many_projects_are_one_row(tmp_path: Path) -> None:
    """The first hundred have a row, the others one together, and the page stays small."""
    rows = [
        used(number + 1, project_id=f"p{number}", model=f"m{number}") for number in range(2_000)
    ]
    pages = put_all(tmp_path / "pages", {"usage_completions.json": page(bucket(*rows))})
    text = replay_page(pages, tmp_path)
    projects = PageReader(text).figures("projects")
    assert len(projects) == 102
    (rest,) = [row for name, row in projects.items() if name.startswith("1,900 more together")]
    assert rest["tokens in"] == sum(range(1, 1_901))
    assert projects["all together"]["tokens in"] == sum(range(1, 2_001))
    assert len(text) < 250_000


def test_currencies_beyond_the_columns_are_said(tmp_path: Path) -> None:
    """Four currencies have columns and shares of their own; how many more there are is said."""
    rows = [
        {"amount": {"value": "1.50", "currency": one}, "project_id": "p", "line_item": "l"}
        for one in ("usd", "eur", "chf", "gbp", "jpy", "sek")
    ]
    pages = put_all(tmp_path / "pages", {"costs.json": page(bucket(*rows))})
    shown = PageReader(replay_page(pages, tmp_path))
    heads = shown.tables["projects"][0]
    assert heads[1:] == [
        *(f"billed, {one}" for one in ("USD", "CHF", "EUR", "GBP")),
        "share of billed, USD",
    ]
    assert any("2 more currencies were billed" in one for one in shown.texts)


def test_a_page_takes_nobody_s_place(tmp_path: Path) -> None:
    """Neither the report, nor a page that was read, nor the state file is written over."""
    pages = put_all(tmp_path / "pages", {"usage_completions.json": page(bucket(used(1)))})
    report, state = tmp_path / "r.json", tmp_path / "state.db"
    command = ["replay", str(pages), "--report", str(report), "--state", str(state)]
    assert run([*command, "--html", str(report)])[0] == 2
    assert run([*command, "--html", str(pages / "costs.json")])[0] == 2
    assert run(command)[0] == 0
    before = state.read_bytes()
    assert run(["export", "html", str(state), "--out", str(state)])[0] == 2
    assert run(["export", "html", str(pages), "--out", str(pages / "costs.json")])[0] == 2
    assert state.read_bytes() == before


@pytest.mark.parametrize(("source", "code"), [("broken", 65), ("nowhere", 69), ("state.db", 65)])
def test_bad_input_leaves_no_page(source: str, code: int, tmp_path: Path) -> None:
    """What cannot be trusted or read ends with one line, and the page of before stays."""
    put_all(tmp_path / "broken", {"usage_completions.json": "{"})
    (tmp_path / "state.db").write_bytes(b"SQLite format 3\0" + b"x" * 5_000)
    out = tmp_path / "page.html"
    out.write_text("before", "utf-8")
    ended, _, errors = run(["export", "html", str(tmp_path / source), "--out", str(out)])
    assert (ended, len(errors.splitlines())) == (code, 1)
    assert out.read_text("utf-8") == "before"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["broken", "page.html", "state.db"]
    shutil.rmtree(tmp_path / "broken")
